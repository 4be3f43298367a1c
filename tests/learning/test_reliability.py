import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.learning.reliability import ReliabilityBin, calibration_error, reliability

answers = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(answers)
def test_the_curve_holds_every_answer_once(pairs):
    curve = reliability(*zip(*pairs, strict=True))
    assert sum(one.count for one in curve) == len(pairs)
    right = sum(one.count * one.accuracy for one in curve)
    assert right == pytest.approx(sum(is_right for _, is_right in pairs))
    assert [one.confidence for one in curve] == sorted(one.confidence for one in curve)
    assert 0 <= calibration_error(curve) <= 1


def test_the_error_is_the_mean_gap_between_said_and_right():
    curve = [ReliabilityBin(3, 0.2, 0.0), ReliabilityBin(1, 0.9, 1.0)]
    assert calibration_error(curve) == pytest.approx((3 * 0.2 + 0.1) / 4)
    assert calibration_error([]) == 0


def test_who_says_always_right_and_is_half_the_time_is_off_by_half():
    assert calibration_error(reliability([1.0] * 4, [True, False] * 2)) == pytest.approx(0.5)
