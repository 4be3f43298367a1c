"""Labels are believed where ears agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.learning.training.pseudo import (
    DISAGREE,
    NOTHING,
    TOO_FAST,
    TOO_SLOW,
    Agreement,
    Heard,
    believed,
)

SAID = "the red house on the hill"


def test_what_ears_agree_on_is_kept_in_the_one_form():
    kept, refused = believed([Heard("a", 2.0, ("The RED house, on the hill!", SAID))], Agreement())
    assert kept == [("a", SAID)]
    assert not refused


@pytest.mark.parametrize(
    ("texts", "seconds", "why"),
    [
        ((SAID, "the red hose on a bill"), 2.0, DISAGREE),
        ((SAID, SAID, "something else"), 2.0, DISAGREE),
        ((SAID, ""), 2.0, NOTHING),
        (("", SAID), 2.0, NOTHING),
        ((SAID, SAID), 0.5, TOO_FAST),
        (("the", "the"), 5.0, TOO_SLOW),
    ],
)
def test_what_is_doubtful_is_refused_for_a_reason(texts, seconds, why):
    kept, refused = believed([Heard("a", seconds, texts)], Agreement())
    assert not kept
    assert refused == {why: 1}


@given(st.lists(st.sampled_from([SAID, "the red hose", "", "a"]), min_size=2, max_size=4))
def test_a_stricter_agreement_keeps_no_more(texts):
    one = [Heard("a", 2.0, texts)]
    strict, loose = (believed(one, Agreement(most_letter_errors=most))[0] for most in (0.01, 0.5))
    assert {*strict} <= {*loose}


def test_one_ear_cannot_agree_with_itself():
    with pytest.raises(ValueError, match="1 ear"):
        believed([Heard("a", 2.0, (SAID,))], Agreement())
