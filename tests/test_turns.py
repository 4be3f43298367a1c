import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.turns import Habit, TurnOptions, allow, is_one
from speechsearch.types import Hit, Hypothesis, Result

OPTIONS = TurnOptions()


def heard(text="", score=0.0):
    hits = (Hit("id", "title", score, "sound"),) if score else ()
    hypotheses = (Hypothesis(text, 0.9),) if text else ()
    return Result(1, hypotheses, hits, {}, "model@1", answer_confidence=score)


def habit(*pauses_ms):
    kept = Habit()
    for pause_ms in pauses_ms:
        kept.add(pause_ms)
    return kept


@pytest.mark.parametrize(
    ("result", "reason", "ms"),
    [
        (heard("moby dick"), "usual", OPTIONS.usual_ms),
        (heard("moby dick", 0.97), "complete", OPTIONS.complete_ms),
        (heard("the picture of"), "dangling", OPTIONS.dangling_ms),
        (heard("the picture of", 0.95), "dangling", OPTIONS.dangling_ms),
        (heard(), "usual", OPTIONS.usual_ms),
        (None, "unheard", OPTIONS.dangling_ms),
    ],
)
def test_what_was_heard_says_how_long_the_pause_may_last(result, reason, ms):
    allowance = allow(result, Habit(), OPTIONS)
    assert (allowance.reason, allowance.hangover_ms) == (reason, ms)


def test_a_speaker_with_long_pauses_gets_more_time_within_bounds():
    assert allow(heard("x"), habit(250, 260, 270), OPTIONS).reason == "usual"
    slow = allow(heard("x"), habit(250, 260, 280, 300), OPTIONS)
    assert slow.reason == "habit"
    assert OPTIONS.usual_ms < slow.hangover_ms <= OPTIONS.slow_ms
    assert allow(heard("x"), habit(*[2000] * 9), OPTIONS).hangover_ms == OPTIONS.slow_ms


def test_short_pauses_never_shorten_the_hangover():
    assert allow(heard("x"), habit(*[96] * 20), OPTIONS).hangover_ms == OPTIONS.usual_ms


def test_a_habit_forgets_old_pauses():
    assert habit(*[400] * 12, *[100] * 12).hangover_ms == pytest.approx(120)


def test_two_sure_titles_that_do_not_fit_together_are_two_queries():
    assert not is_one(heard("moby dick", 0.9), heard("dracula", 0.9), heard("m d", 0.5), OPTIONS)


def test_halves_of_one_title_are_one_query():
    whole = heard("pride and prejudice", 0.9)
    assert is_one(heard("pride and", 0.7), heard("prejudice", 0.8), whole, OPTIONS)


def test_what_finds_nothing_by_itself_goes_on_with_what_was_said():
    assert is_one(heard("moby dick", 0.9), heard("hm"), heard("moby dick hm", 0.4), OPTIONS)
    assert is_one(heard("i want a"), heard("mocha"), heard("i want a mocha"), OPTIONS)


scores = st.floats(0, 1)


@given(scores, scores, scores, st.text("ab", min_size=1), st.text("ab", min_size=1))
def test_a_joined_answer_better_than_both_alone_always_stands(first, second, joined, a, b):
    judged = is_one(heard(a, first), heard(b, second), heard(a + b, joined), OPTIONS)
    if joined >= max(first, second):
        assert judged
    if judged:
        better = heard(a + b, min(1.0, joined + 0.1))
        assert is_one(heard(a, first), heard(b, second), better, OPTIONS)


@given(st.lists(st.floats(0, 5000), max_size=30), scores, st.sampled_from(["x", "the", ""]))
def test_no_hangover_leaves_its_bounds(pauses_ms, score, text):
    allowance = allow(heard(text, score), habit(*pauses_ms), OPTIONS)
    assert OPTIONS.complete_ms <= allowance.hangover_ms <= OPTIONS.dangling_ms


def test_hangovers_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError):
        TurnOptions(usual_ms=100)
