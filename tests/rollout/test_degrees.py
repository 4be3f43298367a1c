import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import IllegalTransition
from speechsearch.rollout.degrees import Action, Degree, Ladder, Tally, action

GOOD = Tally(answers=4, accepted=4, opened=2)
BAD = Tally(answers=4, accepted=0, opened=2, wrong_opens=2)
WRONG_OPENS = Tally(answers=4, accepted=3, opened=4, wrong_opens=1)


def after(degree, session, sessions=60, **options):
    ladder = Ladder(degree, **options)
    for _ in range(sessions):
        ladder = ladder.add(session)
    return ladder


def test_only_partial_looks_at_the_confidence():
    assert action(Degree.PARTIAL, 0.9, 0.8) is Action.OPEN
    assert action(Degree.PARTIAL, 0.8, 0.8) is Action.OFFER
    others = [Degree.HUMAN_ONLY, Degree.SHADOW, Degree.ASSISTANCE, Degree.FULL]
    wanted = [Action.NOTHING, Action.COMPARE, Action.OFFER, Action.OPEN]
    for sure in (0.0, 1.0):
        assert [action(degree, sure, 0.5) for degree in others] == wanted


def test_a_step_up_is_proposed_and_waits_for_a_person():
    ladder = after(Degree.SHADOW, GOOD)
    assert (ladder.degree, ladder.proposal) == (Degree.SHADOW, Degree.ASSISTANCE)
    with pytest.raises(IllegalTransition, match="needs a person"):
        ladder.step_up("")
    assert ladder.step_up("me") == Ladder(Degree.ASSISTANCE)


def test_nothing_is_proposed_unearned_or_above_the_ceiling():
    with pytest.raises(IllegalTransition, match="no step up"):
        after(Degree.SHADOW, GOOD, sessions=2).step_up("me")
    assert after(Degree.ASSISTANCE, GOOD, ceiling=Degree.ASSISTANCE).proposal is None
    assert after(Degree.FULL, GOOD).proposal is None


def test_what_is_overridden_steps_down_by_itself_until_nobody_sees_it():
    assert after(Degree.FULL, BAD, sessions=300).degree is Degree.SHADOW


def test_wrong_opens_alone_are_enough_to_step_down():
    ladder = after(Degree.PARTIAL, WRONG_OPENS, sessions=200)
    assert ladder.degree is Degree.ASSISTANCE


def test_a_wrong_shadow_harms_nobody():
    assert after(Degree.SHADOW, BAD).degree is Degree.SHADOW
    assert after(Degree.SHADOW, BAD).proposal is None


def test_the_tally_says_what_people_made_of_it():
    tally = GOOD + WRONG_OPENS
    assert (tally.acceptance, tally.override) == (7 / 8, 1 / 8)
    assert tally.wrong_open == 1 / 6
    assert Tally().acceptance == Tally().override == Tally().wrong_open == 0


def test_a_session_without_an_answer_says_nothing():
    ladder = Ladder(Degree.FULL)
    assert ladder.add(Tally()) == ladder


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(Degree),
    st.lists(st.sampled_from([GOOD, BAD, WRONG_OPENS, Tally()]), max_size=60),
)
def test_without_a_person_it_never_goes_up_and_down_by_one_at_most(degree, sessions):
    ladder = Ladder(degree)
    for session in sessions:
        following = ladder.add(session)
        assert 0 <= ladder.degree - following.degree <= 1
        ladder = following
