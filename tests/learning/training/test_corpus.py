"""What of a table is learned from, and with which letters."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.asr.model import FrameTiming
from speechsearch.asr.wer import normalise
from speechsearch.errors import RecipeError, TableError
from speechsearch.learning.training.corpus import (
    Speller,
    chosen,
    frames_needed,
    meeting,
    read_corpus,
)
from speechsearch.learning.training.recipe import Lengths, Speech
from tests.learning.made import recording

STARTER = Checkpoint.open(Path(__file__).resolve().parents[3] / "models" / "w2v2-starter")
SPELLER = Speller(STARTER.vocabulary)


def read(table, lengths=None, timing=None, **speech):
    parts = [Speech(table=str(table), **speech)]
    return read_corpus(parts, lengths or Lengths(), SPELLER, timing or STARTER.timing, 0)


@given(st.text())
def test_letters_are_those_of_the_one_normalised_form(text):
    letters = STARTER.vocabulary.letters
    spelled = "".join(letters[i] for i in SPELLER.spell(text))
    assert spelled.replace("|", " ").lower() == normalise(text)
    assert SPELLER.spell(text) == SPELLER.spell(normalise(text))
    assert not {*SPELLER.spell(text)} & {*STARTER.vocabulary.hidden_ids}


def test_a_number_is_spelled_as_it_is_said():
    assert SPELLER.spell("Room 105.") == SPELLER.spell("room one hundred and five")


@given(st.lists(st.integers(1, 3), max_size=12))
def test_a_double_letter_needs_a_blank_between(labels):
    doubles = sum(a == b for a, b in pairwise(labels))
    assert frames_needed(labels) == len(labels) + doubles


def test_rows_are_chosen_by_patterns_and_by_numbers():
    rows = [
        recording("a/1.wav", age="6"),
        recording("b/2.wav", age="40"),
        recording("a/3.wav", age=""),
    ]
    assert [r.name for r in meeting(rows, {"age": "<16"})] == ["a/1.wav"]
    assert [r.name for r in meeting(rows, {"age": ">=16", "path": "b/*"})] == ["b/2.wav"]
    assert [r.name for r in meeting(rows, {"path": "a/*"})] == ["a/1.wav", "a/3.wav"]
    assert meeting(rows, {}) == rows
    with pytest.raises(TableError, match=r"no column 'accent'.*path, age"):
        meeting(rows, {"accent": "x"})


def test_so_many_minutes_are_whole_speakers_and_always_the_same(table):
    whole = chosen(Speech(table=str(table)), 0)
    some = chosen(Speech(table=str(table), minutes=0.03), 0)
    assert len({row.columns["speaker"] for row in whole}) == 2
    assert len({row.columns["speaker"] for row in some}) == 1
    assert some == chosen(Speech(table=str(table), minutes=0.03), 0)
    assert len(some) < len(whole)


def test_what_cannot_be_learned_is_left_out_and_counted(table):
    corpus = read(table, Lengths(shortest_s=0.6, longest_s=0.9))
    assert corpus.left_out == {"too short": 5, "too long": 2}, "words of 2, and of 5, letters"
    assert len(corpus.utterances) == 10 - 7
    assert corpus.minutes(0) == pytest.approx(sum(u.seconds for u in corpus.utterances) / 60)


def test_more_letters_than_frames_cannot_be_learned(table):
    with pytest.raises(RecipeError, match="more letters than frames"):
        read(table, timing=FrameTiming(16000, 400))


def test_a_part_of_which_nothing_is_left_is_an_error(table):
    with pytest.raises(RecipeError, match="0 rows meet"):
        read(table, where={"speaker": "nobody"})


def test_a_recording_that_is_no_sound_is_named(table):
    (table.parent / "3.flac").write_bytes(b"no sound")
    with pytest.raises(TableError, match=r"3\.flac"):
        read(table)
