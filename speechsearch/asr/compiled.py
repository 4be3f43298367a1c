"""Machine code for the loops that numpy cannot carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Machine code on first use, kept for the next process where a folder for it can be had."""
    try:
        fast: Callable[..., Any] = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        fast = njit(nogil=True)(function)
    return fast
