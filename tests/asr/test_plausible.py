import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.asr.plausible import Judge, PlausibleOptions, align
from speechsearch.asr.second_ear import Reheard, said_once
from speechsearch.audio.player import read_audio
from tests.asr.letters import TIMING, VOCABULARY, log_probs


@pytest.fixture(scope="module")
def heard(model, fixtures):
    """Log-probs of each clean query."""
    queries = [q for q in fixtures.queries if not q.snr_db and not q.room][:6]
    return [(query, model.log_probs(read_audio(query.path))) for query in queries]


@pytest.fixture(scope="module")
def judge(model):
    return Judge(model.info.vocabulary, model.info.timing)


def test_what_was_said_fits_and_keeps_the_ears_spelling(heard, judge):
    for query, table in heard:
        text = query.text.capitalize() + "."
        found = judge.judge([Reheard(text)], table, 10.0)
        assert found.reason == "fits"
        hypothesis = found.fit.hypothesis
        assert hypothesis.text == text
        times = [(word.start_s, word.end_s) for word in hypothesis.words]
        assert times == sorted(times)
        assert 10.0 < times[0][0] < times[-1][1] < 10.0 + query.t0_s + 0.3
        assert all(0 < word.confidence <= 1 for word in hypothesis.words)


def test_what_another_said_does_not_fit(heard, judge):
    for (_, table), (other, _) in zip(heard, heard[1:] + heard[:1], strict=True):
        invented = f"{other.text} thank you very much for watching"
        assert judge.judge([Reheard(invented)], table).fit is None


def test_what_is_said_again_is_left_out_where_it_was_said_once(heard, judge):
    for query, table in heard:
        text = f"{query.text.capitalize()}. {query.text.capitalize()}."
        assert (
            judge.judge([Reheard(text)], table).fit.hypothesis.text.lower()
            == f"{query.text.lower()}."
        )


def test_the_sound_decides_between_readings_that_the_ear_finds_as_likely(heard, judge):
    for (query, table), (other, _) in zip(heard, heard[1:] + heard[:1], strict=True):
        readings = [Reheard(other.text, -3.0), Reheard(query.text, -3.1)]
        assert judge.judge(readings, table).fit.hypothesis.text == query.text


def test_silence_and_no_speech_have_no_words(judge, model):
    silence = model.log_probs(np.zeros(16_000, np.float32))
    assert judge.judge([], silence).reason == "nothing"
    invented = Reheard("Thank you.", -9.0, -1.8, 0.9)
    assert judge.judge([invented], silence).reason == "no_speech"
    assert judge.judge([Reheard("...")], silence).reason == "unspeakable"
    assert judge.judge([Reheard("so many words that nobody can say them in one second at all")],
                       silence).fit is None  # fmt: skip


def test_a_number_is_read_as_the_sound_says_it():
    letters = {c: i for i, c in enumerate("_|abcdefghijklmnopqrstuvwxyz")}
    vocabulary = type(VOCABULARY)(tuple(letters), 0, 1, frozenset({0}))
    said = "nineteen eighty four".replace(" ", "|")
    table = np.full((2 * len(said), len(letters)), -9.0, np.float32)
    for place, letter in enumerate(said):
        table[2 * place, letters[letter]] = table[2 * place + 1, 0] = -0.01
    fit = align("1984.", table, vocabulary, TIMING)
    assert fit.loss_nats == pytest.approx(0.0, abs=1e-3)
    assert [word.word for word in fit.hypothesis.words] == ["1984."]


@settings(deadline=None)
@given(log_probs(most_frames=12), st.text("ab ", max_size=12))
def test_no_text_fits_better_than_the_best_path(table, text):
    fit = align(text, table, VOCABULARY, TIMING)
    if fit:
        assert fit.loss_nats >= -1e-4
        assert fit.worst_word_nats >= -1e-4
        assert fit.hypothesis.text == " ".join(text.split())
        assert fit.letters == len(text.replace(" ", ""))


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), st.integers(1, 9))
def test_said_once_ends_where_the_text_begins_anew(words, times):
    again = (words * (times + 1))[: len(words) + times]
    once = said_once(" ".join(again)).split()
    assert again[: len(once)] == once
    assert len(once) <= len(words)


def test_limits_are_options(heard, model):
    query, table = heard[0]
    strict = PlausibleOptions(most_loss_nats=0.0)
    judge = Judge(model.info.vocabulary, model.info.timing, strict)
    assert judge.judge([Reheard(query.text)], table).reason == "misfit"
