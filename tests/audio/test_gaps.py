import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.audio.gaps import MIN_GAP_S, GapFinder

BLOCK_S = 0.02


def found(blocks):
    gaps = GapFinder()
    return [missed for missed in (gaps.block(BLOCK_S, heard) for heard in blocks) if missed]


def stream(seconds, drift=0.0, start_s=0.0):
    return [start_s + n * BLOCK_S * (1 + drift) for n in range(round(seconds / BLOCK_S))]


@settings(max_examples=25)
@given(st.floats(-500e-6, 500e-6), st.data())
def test_drift_and_late_blocks_are_no_gap(drift, data):
    late = data.draw(st.lists(st.floats(0, MIN_GAP_S / 2), min_size=400, max_size=400))
    assert not found([at + delay for at, delay in zip(stream(8, drift), late, strict=True)])


@given(st.floats(0.3, 30), st.floats(2.5, 6), st.floats(-200e-6, 200e-6))
def test_a_gap_is_found_once_and_as_long_as_it_was(gap_s, before_s, drift):
    first = stream(before_s, drift)
    found_s = found(first + stream(4, drift, first[-1] + BLOCK_S + gap_s))
    assert found_s == [pytest.approx(gap_s, abs=0.01)]


def test_what_comes_in_a_burst_after_a_stall_is_no_gap():
    steady, stalled = stream(3), stream(5)[150:]
    resumed_s = stalled[-1]
    assert not found(steady + [resumed_s] * len(stalled) + stream(3, start_s=resumed_s + BLOCK_S))
