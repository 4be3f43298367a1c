from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.turns import Habit, Seam, TurnOptions, allow, is_one
from speechsearch.types import Hit, Hypothesis, Result, Word

OPTIONS = TurnOptions()


def heard(text="", score=0.0):
    hits = (Hit("id", "title", score, "sound"),) if score else ()
    hypotheses = (Hypothesis(text, 0.9),) if text else ()
    return Result(1, hypotheses, hits, {}, "model@1", answer_confidence=score)


def said(text, start_s=0.0, score=0.0):
    """Heard, half a second a word from ``start_s`` on."""
    words = tuple(
        Word(word, start_s + 0.5 * place, start_s + 0.5 * place + 0.4, 0.9)
        for place, word in enumerate(text.split())
    )
    hits = (Hit("id", "title", score, "sound"),) if score else ()
    hypotheses = (Hypothesis(text, 0.9, words),) if text else ()
    return Result(1, hypotheses, hits, {}, "model@1", answer_confidence=score)


def seam_of(first, nats=0.0, pause_s=1.0):
    """After ``first``, so many seconds before what follows."""
    end_s = first.hypotheses[0].words[-1].end_s if first.text else 0.0
    return Seam(end_s + pause_s, nats)


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


def test_titles_inside_what_was_said_tell_no_queries_apart():
    inside = replace(heard("a latte please", 0.4), answer_confidence=0.99)
    assert is_one(inside, inside, heard("a latte please a latte please", 0.1), OPTIONS)
    assert allow(inside, Habit(), OPTIONS).reason == "usual"


def test_halves_of_one_title_are_one_query():
    whole = heard("pride and prejudice", 0.9)
    assert is_one(heard("pride and", 0.7), heard("prejudice", 0.8), whole, OPTIONS)


def test_what_finds_nothing_by_itself_goes_on_with_what_was_said():
    assert is_one(heard("moby dick", 0.9), heard("hm"), heard("moby dick hm", 0.4), OPTIONS)
    assert is_one(heard("i want a"), heard("mocha"), heard("i want a mocha"), OPTIONS)


LONG = "get me a large black coffee"


def judged(first_text, second_text, nats=0.0, pause_s=1.0, joined_score=0.0):
    """Whether two texts that no catalogue knows are one sentence."""
    first = said(first_text)
    seam = seam_of(first, nats, pause_s)
    joined = said(f"{first_text} {second_text}", score=joined_score)
    return is_one(first, said(second_text, seam.at_s), joined, OPTIONS, seam)


def test_where_the_catalogue_knows_neither_two_long_texts_that_do_not_fit_are_two_queries():
    assert not judged(LONG, LONG, nats=6.0)
    assert judged(LONG, LONG, nats=-6.0)


def test_a_fragment_after_an_unknown_text_belongs_to_it_however_language_judges():
    assert judged(LONG, "with milk", nats=8.0)
    assert judged("get me", LONG, nats=8.0)


def test_a_sure_answer_to_both_together_is_one_sentence_whatever_the_words_say():
    assert judged(LONG, LONG, nats=8.0, joined_score=0.9)


def test_without_a_language_model_unknown_texts_are_one():
    first, joined = said(LONG), said(f"{LONG} {LONG}")
    for seam in (None, Seam(4.0)):
        assert is_one(first, said(LONG, 4.0), joined, OPTIONS, seam)


@given(st.integers(1, 9), st.integers(1, 9), st.floats(-20, 20), st.floats(0, 3))
def test_a_longer_pause_or_words_that_fit_less_never_join_what_was_two(a, b, nats, pause_s):
    if not judged("x " * a, "x " * b, nats, pause_s):
        assert not judged("x " * a, "x " * b, nats + 1, pause_s)
        assert not judged("x " * a, "x " * b, nats, pause_s + 0.1)
        assert not judged("x " * (a + 1), "x " * (b + 1), nats, pause_s)


def test_a_part_taken_for_noise_is_taken_in_where_the_sentence_has_words_for_it():
    first, whole, seam = said("go"), said("go to bed"), Seam(0.45)
    assert is_one(first, said(""), whole, OPTIONS, seam)
    assert not is_one(first, said(""), said("go"), OPTIONS, seam)
    assert is_one(said(""), said("to bed", 0.5), whole, OPTIONS, seam)
    assert not is_one(said(""), said("to bed", 0.5), said("to bed", 0.5), OPTIONS, seam)


def test_noise_does_not_take_a_sure_answer_away():
    first, seam = said("moby dick", score=0.9), Seam(1.0)
    assert is_one(first, said(""), said("moby dick the", score=0.8), OPTIONS, seam)
    assert not is_one(first, said(""), said("moby dick the", score=0.2), OPTIONS, seam)


texts = st.sampled_from(["", "go", "go to bed", LONG])


@given(texts, texts, texts, st.floats(0, 4), st.floats(0, 1), st.floats(0, 1))
def test_nothing_heard_together_replaces_nothing(first, second, joined, at_s, a, b):
    results = said(first, 0.0, a), said(second, at_s, b), said(joined)
    if is_one(*results, OPTIONS, Seam(at_s, 0.0)):
        assert joined
        words = results[2].hypotheses[0].words
        assert first or words[0].start_s < at_s
        assert second or words[-1].end_s > at_s


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
@pytest.mark.parametrize("options", [OPTIONS, TurnOptions(slow_ms=400)])
def test_no_pause_may_last_longer_than_before_its_words_were_heard(options, pauses_ms, score, text):
    speaker = habit(*pauses_ms)
    allowance = allow(heard(text, score), speaker, options)
    most_ms = allow(None, speaker, options).hangover_ms
    assert options.complete_ms <= allowance.hangover_ms <= most_ms


def test_hangovers_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError):
        TurnOptions(usual_ms=100)
