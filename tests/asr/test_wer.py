from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.wer import Errors, count_errors, normalise

FROZEN = Path(__file__).resolve().parents[3] / "shared" / "norm.py"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's 105 Elm St.", "it's one hundred five elm st"),
        ("a hundred and five", "a hundred five"),
        ("The 21st and 30th, okay?", "the twenty first and thirtieth ok"),
        ("1,234,567", "one two three four five six seven"),
        ("Mr. O’Neil", "mister o'neil"),
    ],
)
def test_text_is_brought_to_one_form(text, expected):
    assert normalise(text) == expected


@pytest.mark.skipif(not FROZEN.exists(), reason="the shared frozen normaliser is not beside us")
@given(st.text(st.sampled_from("abc ONE'’.,-0123456789 andhundred")) | st.text())
def test_the_rules_are_those_of_the_frozen_normaliser(text):
    frozen = _frozen()
    try:
        expected = frozen["norm"](text)
    except ValueError:  # digits that int() reads and re's \\d does not fit
        return
    assert normalise(text) == expected


def _frozen(cache: dict = {}) -> dict:  # noqa: B006
    if not cache:
        cache.update(runpy.run_path(str(FROZEN)))
    return cache


@pytest.mark.skipif(not FROZEN.exists(), reason="the shared frozen normaliser is not beside us")
@given(st.lists(st.tuples(*[st.text(st.sampled_from("ab c"), max_size=12)] * 2), max_size=4))
def test_errors_are_counted_as_the_frozen_rules_count_them(pairs):
    total = sum((count_errors(*pair) for pair in pairs), Errors())
    assert (total.wer, total.cer) == pytest.approx(_frozen()["error_rates"](pairs))


@pytest.mark.parametrize(
    ("said", "heard", "words", "letters"),
    [("", "", 0, 0), ("", "a b", 2, 3), ("a b", "", 2, 3), ("kitten", "sitting", 1, 3)],
)
def test_errors_are_what_must_be_changed_put_in_or_left_out(said, heard, words, letters):
    counted = count_errors(said, heard)
    assert (counted.word_errors, counted.letter_errors) == (words, letters)


def test_errors_sum_over_a_set():
    total = count_errors("play the song", "play a song") + count_errors("stop", "")
    assert (total.word_errors, total.words) == (2, 4)
    assert total.wer == 0.5
    assert total.cer == total.letter_errors / 17
    assert Errors().wer == 0.0
