import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.search.verdict import Verdict, VerdictOptions, confidence, verdict

OPTIONS = VerdictOptions()
shares = st.floats(0, 1)


def sure(fit, *scores):
    return confidence(fit, np.array(scores, np.float32), OPTIONS)


@given(shares, shares, st.floats(0, 30), st.floats(0, 30))
def test_what_fits_better_or_leads_by_more_is_surer(fit, other, lead, further):
    low, high = sorted((fit, other))
    assert 0 <= sure(low, -1, -1 - lead) <= sure(high, -1, -1 - lead) <= 1
    near, far = sorted((lead + 0.01, further + 0.01))
    assert sure(fit, -1, -1 - near) <= sure(fit, -1, -1 - far) + 1e-6


def test_entries_that_sound_the_same_do_not_make_one_another_doubtful():
    assert sure(0.9, -3, -3, -20) == pytest.approx(sure(0.9, -3, -20))
    assert sure(0.9, -3, -3) == sure(0.9, -3)


@pytest.mark.parametrize(
    ("fit", "sure", "worth"),
    [
        (OPTIONS.floor, OPTIONS.found, Verdict.FOUND),
        (OPTIONS.floor, OPTIONS.found - 1e-6, Verdict.DID_YOU_MEAN),
        (OPTIONS.floor - 1e-6, 1.0, Verdict.NOTHING),
    ],
)
def test_nothing_fits_below_the_floor_and_a_doubtful_first_hit_is_a_question(fit, sure, worth):
    assert verdict(fit, sure, OPTIONS) is worth
