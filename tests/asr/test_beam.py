from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.asr.beam import BeamDecoder, BeamOptions
from speechsearch.asr.ctc import greedy
from speechsearch.asr.kneser_ney import BuildOptions, build
from speechsearch.asr.model import Vocabulary
from speechsearch.asr.ngram import UNKNOWN
from speechsearch.asr.parts import log_softmax
from speechsearch.errors import ModelError
from tests.asr.letters import TIMING, VOCABULARY, best_paths, brute_force, log_probs

EVERYTHING = BeamOptions(
    prefixes=5000, behind_nats=math.inf, letter_nats=math.inf, readings=5000,
    model_weight=0.7, word_nats=0.3, unknown_letter_nats=-1.5, boost_nats=0.4,
)  # fmt: skip
MODEL = build([["a", "ab"], ["ab", "a", "ba"], ["b", "ab"]], BuildOptions(order=3))


@pytest.fixture(scope="module", autouse=True)
def compiled():
    decoder(MODEL).warm_up()


def decoder(model=None, names=(), options=EVERYTHING):
    return BeamDecoder(VOCABULARY, TIMING, model, names, options)


def words_nats(text, model, names=()):
    """What the language model adds, written once more from its definition."""
    state, total = model.start, 0.0
    for word in text.split():
        state, nats = model.score(state, word)
        if word not in model.ids:
            nats += -math.log(len(names)) if word in names else -1.5 * len(word)
        total += 0.7 * nats + 0.3
    return total + 0.7 * model.score(state, "</s>")[1]


def boosted(text, phrase):
    """Letters, spaces among them, of the places where one phrase of distinct words is said."""
    apart = f" {text} ".replace(" ", "  ").count(f" {phrase.replace(' ', '  ')} ")
    return apart * (len(phrase) + 1)


@given(log_probs())
def test_a_beam_without_limits_sums_every_path_of_every_text(table):
    found = decoder().decode(table)
    expected = brute_force(table)
    assert {r.hypothesis.text for r in found} == set(expected)
    for reading in found:
        assert reading.log_prob == pytest.approx(expected[reading.hypothesis.text], abs=1e-5)
        assert reading.score == pytest.approx(reading.log_prob)
    assert sum(math.exp(r.log_prob) for r in found) == pytest.approx(1, abs=1e-4)


@given(log_probs(), st.booleans())
def test_the_language_model_adds_its_weighted_log_probability(table, with_names):
    names = ("bb", "aa") if with_names else ()
    paths = brute_force(table)
    for reading in decoder(MODEL, names).decode(table):
        text = reading.hypothesis.text
        expected = paths[text] + words_nats(text, MODEL, names)
        assert reading.score == pytest.approx(expected, abs=1e-4)


@given(log_probs(), st.sampled_from(["a", "ab", "a b", "b a"]))
def test_a_phrase_adds_its_boost_for_each_letter_and_nothing_where_it_is_left(table, phrase):
    biased = decoder()
    for reading in biased.decode(table, bias=biased.bias([phrase])):
        letters = (reading.score - reading.log_prob) / 0.4
        assert letters == pytest.approx(boosted(reading.hypothesis.text, phrase), abs=1e-4)


@given(log_probs(), st.integers(1, 8))
def test_a_narrow_beam_never_counts_more_than_there_is(table, prefixes):
    options = BeamOptions(prefixes=prefixes, readings=3)
    expected = brute_force(table)
    found = decoder(options=options).decode(table)
    assert 1 <= len(found) <= min(3, prefixes)
    for reading in found:
        assert reading.log_prob <= expected[reading.hypothesis.text] + 1e-5


@given(log_probs(most_frames=30))
def test_readings_come_best_first_distinct_and_share_the_whole(table):
    found = decoder(options=BeamOptions(readings=5)).decode(table)
    scores = [r.score for r in found]
    assert scores == sorted(scores, reverse=True)
    assert len({r.hypothesis.text for r in found}) == len(found)
    assert sum(r.share for r in found) == pytest.approx(1)


@given(log_probs(), st.floats(0, 1000))
def test_word_times_are_those_of_the_texts_best_path(table, offset_s):
    best = best_paths(table)
    for reading in decoder().decode(table, offset_s):
        heard = reading.hypothesis
        _, path = best[heard.text]
        assert " ".join(word.word for word in heard.words) == heard.text
        frames = [i for i, column in enumerate(path) if VOCABULARY.letters[column] in "ab"]
        if frames:
            assert heard.words[0].start_s == pytest.approx(offset_s + TIMING.start_s(frames[0]))
            assert heard.words[-1].end_s == pytest.approx(offset_s + TIMING.start_s(frames[-1] + 1))
        times = [t for word in heard.words for t in (word.start_s, word.end_s)]
        assert times == sorted(times)
        assert all(0 < word.confidence <= 1 for word in heard.words)
        assert 0 <= heard.confidence <= 1


def test_where_one_path_takes_all_the_beam_reads_what_greedy_reads():
    path = [2, 2, 0, 2, 1, 3, 0, 3]
    table = np.full((len(path), 4), -20, np.float32)
    table[np.arange(len(path)), path] = 0
    table = log_softmax(table)
    first = decoder(options=BeamOptions()).decode(table, 1.5)[0].hypothesis
    assert first.text == "aa bb"
    assert first == greedy(table, VOCABULARY, TIMING, 1.5)


def test_many_paths_together_beat_the_best_one():
    table = np.log(np.array([[0.6, 0.0, 0.4, 0.0]] * 2, np.float32) + 1e-12)
    assert greedy(table, VOCABULARY, TIMING).text == ""
    assert decoder(options=BeamOptions()).decode(table)[0].hypothesis.text == "a"


def test_no_frames_give_one_empty_reading():
    (reading,) = decoder(MODEL).decode(np.zeros((0, 4), np.float32))
    assert (reading.hypothesis.text, reading.hypothesis.confidence) == ("", 0.0)
    assert reading.share == 1


def test_a_letter_that_is_never_shown_is_never_written():
    hidden = Vocabulary(("<pad>", "|", "a", "<s>"), 0, 1, frozenset({0, 3}))
    table = np.log(np.array([[0.05, 0.05, 0.1, 0.8]] * 5, np.float32))
    found = BeamDecoder(hidden, TIMING).decode(table)
    assert "a" in {r.hypothesis.text for r in found}
    assert all(set(r.hypothesis.text) <= {"a", " "} for r in found)


def test_over_sixty_four_letters_are_refused():
    letters = tuple(chr(200 + i) for i in range(70))
    with pytest.raises(ModelError, match="64"):
        BeamDecoder(Vocabulary(letters, 0, 1, frozenset({0})), TIMING)


@settings(max_examples=20)
@given(log_probs(most_frames=60))
def test_several_threads_may_decode_at_once(table):
    shared, results = decoder(MODEL, options=BeamOptions()), []
    threads = [
        threading.Thread(target=lambda: results.append(shared.decode(table))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1] == results[2]


def test_the_model_knows_no_marks_as_words():
    assert UNKNOWN not in decoder(MODEL).decode(_spelt("a|b"))[0].hypothesis.text


def _spelt(text):
    path = [VOCABULARY.letters.index(letter) for letter in text]
    table = np.full((len(path), 4), -6, np.float32)
    table[np.arange(len(path)), path] = 0
    return log_softmax(table)


@pytest.mark.parametrize(("first", "second"), [("a", "ab"), ("ab a", "b ab"), ("ab", "a ba")])
def test_two_sentences_are_weighed_against_one_by_the_language_model_alone(first, second):
    a, b = first.split(), second.split()
    apart = MODEL.sentence(a) + MODEL.sentence(b) - MODEL.sentence(a + b)
    assert decoder(MODEL).apart_nats(a, b) == pytest.approx(apart)
    assert decoder().apart_nats(a, b) is None


def test_what_was_said_as_two_sentences_is_likelier_as_two():
    assert decoder(MODEL).apart_nats(["a", "ab"], ["b", "ab"]) > 0
    assert decoder(MODEL).apart_nats(["ab", "a"], ["ba"]) < 0
