"""Memory that long utterances take and free, given back to the system (glibc).

The C library keeps what was freed for the next who asks. After an attention over ten seconds of
sound that is a hundred megabytes, which mostly nobody asks for.
"""

from __future__ import annotations

import ctypes
from functools import cache

from speechsearch.types import ms_to_samples

LONG_SAMPLES = ms_to_samples(3000)
"""Sound from here on leaves enough behind to be worth a millisecond or two"""
MAPPED_BYTES = 4 << 20
"""Blocks from here on never lie in the heap. Smaller ones are asked for so often that mapping them
costs time: from 2 MB on, two fifths of a decode's (``scripts/bench_footprint``)"""
M_MMAP_THRESHOLD = -3  # malloc.h


def keep_large_blocks_out() -> bool:
    """Once for the process; False where the C library has no such switch."""
    library = _glibc()
    return library is not None and bool(library.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES))


def give_back() -> bool:
    """Return freed pages, in some milliseconds; False where the C library cannot."""
    library = _glibc()
    if library is None:
        return False
    library.malloc_trim(0)
    return True


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
