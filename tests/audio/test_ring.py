import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.audio.ring import Ring


@given(st.integers(1, 50), st.lists(st.integers(0, 80), max_size=20))
def test_the_ring_always_holds_the_newest_samples_at_their_positions(capacity, sizes):
    ring, total = Ring(capacity), 0
    for size in sizes:
        ring.append(np.arange(total, total + size, dtype=np.float32))
        total += size
    assert ring.end_sample == total
    held = ring.read(ring.first_sample, total)
    assert held.samples.tolist() == list(range(max(0, total - capacity), total))


def test_what_is_no_longer_there_is_refused():
    ring = Ring(4)
    ring.append(np.zeros(10, np.float32))
    with pytest.raises(ValueError, match=r"6\.\.10"):
        ring.read(5, 8)
