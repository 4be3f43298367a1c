import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.rollout.router import PARTS, Arm, Router, Shares

KEY = b"secret"
SESSIONS = [f"session-{n}" for n in range(400)]


@st.composite
def shares(draw):
    challenger = draw(st.integers(0, PARTS))
    return Shares(challenger, draw(st.integers(0, PARTS - challenger)))


@given(shares())
def test_shares_sum_to_one(given_shares):
    assert sum(given_shares.by_arm.values()) == pytest.approx(1, abs=1e-12)
    assert given_shares.champion + given_shares.challenger + given_shares.shadow == PARTS


@settings(deadline=None, max_examples=50)
@given(shares())
def test_each_arm_gets_exactly_its_part_of_the_line(given_shares):
    arms = [given_shares.at(point) for point in range(PARTS)]
    for arm, share in given_shares.by_arm.items():
        assert arms.count(arm) == round(share * PARTS)


@pytest.mark.parametrize(("challenger", "shadow"), [(-1, 0), (0, -1), (PARTS, 1)])
def test_impossible_shares_are_refused(challenger, shadow):
    with pytest.raises(ValueError, match="cannot be"):
        Shares(challenger, shadow)


@settings(deadline=None, max_examples=50)
@given(shares(), shares())
def test_a_change_moves_no_more_sessions_than_it_must(before, after):
    pairs = [(before.at(point), after.at(point)) for point in range(PARTS)]
    answered_by_another = sum(
        one.answered_by_challenger is not other.answered_by_challenger for one, other in pairs
    )
    challenger_change = abs(before.challenger - after.challenger)
    assert answered_by_another == challenger_change, "not one more than the shares demand"
    moved = sum(one is not other for one, other in pairs)
    assert moved <= challenger_change + abs(before.shadow - after.shadow)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, PARTS), st.integers(0, PARTS))
def test_a_growing_challenger_keeps_every_session_that_it_has(one, other):
    small, large = sorted((one, other))
    before, after = (Router(KEY, "r", Shares(size)) for size in (small, large))
    for session in SESSIONS:
        if before.arm(session) is Arm.CHALLENGER:
            assert after.arm(session) is Arm.CHALLENGER


def test_a_session_has_one_arm_however_often_it_is_asked_and_by_whom():
    half = Shares(PARTS // 2)
    arms = [Router(KEY, "r", half).arm(session) for session in SESSIONS]
    assert arms == [Router(KEY, "r", half).arm(session) for session in SESSIONS]


def test_another_key_or_another_rollout_deals_anew():
    points = {
        (key, rollout): tuple(Router(key, rollout).point(session) for session in SESSIONS)
        for key in (b"a", b"b")
        for rollout in ("1", "2")
    }
    assert len(set(points.values())) == 4


def test_sessions_spread_evenly():
    sizes = [0] * 10
    for n in range(10_000):
        sizes[Router(KEY, "r").point(str(n)) * 10 // PARTS] += 1
    assert max(abs(size - 1000) for size in sizes) < 130, "four standard deviations"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(shares(), st.sampled_from(["start", "end"])), max_size=30))
def test_no_utterance_ever_changes_its_arm(happenings):
    router = Router(KEY, "r", Shares(PARTS // 2))
    seats = [router.seat(session) for session in SESSIONS[:20]]
    speaking = None
    for happening in happenings:
        if happening == "start":
            speaking = speaking or [seat.speech_start() for seat in seats]
        elif happening == "end":
            for seat in seats:
                seat.speech_end()
            speaking = None
        else:
            router.shares = happening
        if speaking:
            assert [seat.arm for seat in seats] == speaking


def test_between_utterances_a_session_follows_the_shares():
    router = Router(KEY, "r", Shares(PARTS))
    seat = router.seat("one")
    assert seat.speech_start().answered_by_challenger
    router.shares = Shares()
    assert seat.arm is Arm.CHALLENGER
    seat.speech_end()
    assert seat.speech_start() is Arm.CHAMPION
