import platform
import subprocess
import sys

import pytest

GLIBC = platform.libc_ver()[0] == "glibc"
KEPT_MB = """
import sys
from speechsearch.monitoring.process import resident_mb
from speechsearch.server import heap

if sys.argv[1] == "mapped":
    assert heap.keep_large_blocks_out()
before = resident_mb()
blocks = [bytes(100_000) for _ in range(1000)]
blocks += [bytes([1]) * 100_000 for _ in range(1000)]
last = bytes([1]) * 1000
del blocks
if sys.argv[1] == "trimmed":
    assert heap.give_back()
print(resident_mb() - before)
"""


def kept_mb(how):
    found = subprocess.run(
        [sys.executable, "-c", KEPT_MB, how], capture_output=True, text=True, check=True
    )
    return float(found.stdout)


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_what_was_freed_goes_back_to_the_system():
    assert kept_mb("trimmed") < 20


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_large_blocks_can_be_kept_out_of_the_heap():
    assert kept_mb("mapped") < 150


def test_a_c_library_without_such_switches_is_left_alone(monkeypatch):
    from speechsearch.server import heap

    monkeypatch.setattr(heap, "_glibc", lambda: None)
    assert not heap.keep_large_blocks_out()
    assert not heap.give_back()
