from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.bias import OUTSIDE, build_bias, follow
from speechsearch.asr.trie import ROOT

COLUMNS = {"a": 2, "b": 3}
DELIMITER = 1
words = st.text("ab", min_size=1, max_size=3)
sentences = st.lists(words, min_size=1, max_size=6).map(" ".join)


def run(phrases, text):
    """(letters that were boosted and not paid back, the most on the way)."""
    bias = build_bias(phrases, COLUMNS, DELIMITER)
    state, total, most = ROOT, 0, 0
    for letter in text + " ":
        state, letters = follow(bias, state, {**COLUMNS, " ": DELIMITER}[letter])
        total += letters
        most = max(most, total)
    return total - (bias.owed[state] if state > ROOT else 0), most


@pytest.mark.parametrize(
    ("phrases", "text", "letters"),
    [
        (["ab"], "ab", 3),
        (["ab"], "b ab b", 3),
        (["ab"], "ab ab", 6),
        (["ab"], "bab", 0),
        (["ab"], "aba", 0),
        (["ab ba"], "ab", 0),
        (["ab ba"], "ab bb", 0),
        (["ab ba"], "ab ab ba", 6),
        (["ab", "ab ba"], "ab ba", 6),
        (["ab", "ab ba"], "ab bb", 3),
        (["ba", "ab ba aa"], "ab ba bb", 3),
        (["ba", "ab ba aa"], "ab ba aa", 9),
        (["a a"], "a a a", 4),
        (["ab ba", "ba aa"], "ab ba aa", 6),
        ([], "ab", 0),
        (["", " "], "ab", 0),
    ],
)
def test_a_phrase_keeps_its_boost_only_when_it_is_said_to_its_end(phrases, text, letters):
    assert run(phrases, text)[0] == letters


def test_a_begun_phrase_is_boosted_before_it_is_whole():
    assert run(["ab ba"], "ab bb") == (0, 4)


@given(sentences, sentences)
def test_one_phrase_is_boosted_where_it_is_said_between_words(phrase, text):
    said = f" {phrase} " in f" {text} "
    kept, most = run([phrase], text)
    assert (kept >= len(phrase) + 1) == said
    assert (kept == 0) == (not said)
    assert kept <= most <= len(text) + 1


@given(st.lists(sentences, max_size=5), sentences)
def test_no_letter_is_boosted_twice_and_no_debt_stays(phrases, text):
    kept, _ = run(phrases, text)
    assert 0 <= kept <= len(text) + 1
    assert (kept > 0) == any(f" {phrase} " in f" {text} " for phrase in phrases)


def test_inside_a_word_of_no_phrase_nothing_begins():
    bias = build_bias(["ab"], COLUMNS, DELIMITER)
    assert follow(bias, ROOT, COLUMNS["b"]) == (OUTSIDE, 0)
    assert follow(bias, OUTSIDE, COLUMNS["a"]) == (OUTSIDE, 0)
    assert follow(bias, OUTSIDE, DELIMITER) == (ROOT, 0)
