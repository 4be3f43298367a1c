import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.monitoring.summary import Summary

VALUES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60)


def summary(values):
    found = Summary()
    for value in values:
        found.add(value)
    return found


@given(VALUES, st.floats(0.01, 1))
def test_a_quantile_lies_within_five_percent_of_the_true_one(values, share):
    true = float(np.quantile(values, share, method="inverted_cdf"))
    assert summary(values).quantile(share) == pytest.approx(true, rel=0.051)


@given(VALUES, VALUES)
def test_merged_is_the_same_as_all_at_once(first, second):
    merged = summary(first)
    merged.merge(summary(second))
    whole = summary(first + second)
    assert merged.bins == whole.bins
    assert (merged.count, merged.low, merged.high) == (whole.count, whole.low, whole.high)
    assert merged.total == pytest.approx(whole.total)


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_what_was_written_is_read_again(values):
    found = summary(values)
    assert Summary.decode(found.encode()) == found


def test_levels_below_zero_have_a_mean_and_shares_a_mean_of_their_own():
    assert summary([-30.0, -20.0]).mean == -25
    assert summary([0.0, 0.0, 1.0, 0.0]).mean == 0.25
    assert math.isnan(Summary().mean)
    assert math.isnan(Summary().quantile(0.5))


@pytest.mark.parametrize("text", ["", "[1]", "{}", '["a",1,1,1,[]]', "[1,2,3,4,5]"])
def test_damage_is_said(text):
    with pytest.raises(ValueError, match="not a summary"):
        Summary.decode(text)
