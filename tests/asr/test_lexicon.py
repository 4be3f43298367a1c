from __future__ import annotations

import math

import pytest

from speechsearch.asr.kneser_ney import build
from speechsearch.asr.lexicon import NO_WORD, build_lexicon
from speechsearch.asr.trie import ROOT, step

COLUMNS = {"A": 1, "b": 2, "c": 3}
MODEL = build([["ab", "ab", "ac"], ["b", "ab"]])


def at(lexicon, text):
    node = ROOT
    for letter in text:
        node = step(lexicon.trie, node, {"a": 1, "b": 2, "c": 3}[letter])
    return node


def test_every_word_is_at_the_end_of_its_letters():
    lexicon = build_lexicon(MODEL, COLUMNS)
    assert {MODEL.words[w] for w in lexicon.word if w != NO_WORD} == {"ab", "ac", "b"}
    assert MODEL.words[lexicon.word[at(lexicon, "ac")]] == "ac"
    assert lexicon.word[at(lexicon, "a")] == NO_WORD


def test_a_node_looks_ahead_to_its_likeliest_word():
    lexicon = build_lexicon(MODEL, COLUMNS)
    of = {word: MODEL.unigrams[MODEL.number(word)] for word in ("ab", "ac", "b")}
    assert lexicon.ahead[at(lexicon, "a")] == pytest.approx(max(of["ab"], of["ac"]))
    assert lexicon.ahead[at(lexicon, "ac")] == pytest.approx(of["ac"])
    assert lexicon.ahead[ROOT] == pytest.approx(max(of.values()))


def test_names_that_the_model_lacks_share_the_unknown_word():
    lexicon = build_lexicon(MODEL, COLUMNS, ["ca", "cab", "ab", "", "xy"])
    node = at(lexicon, "cab")
    assert MODEL.words[lexicon.word[node]] == "<unk>"
    assert lexicon.extra[node] == pytest.approx(-math.log(2))
    assert lexicon.extra[at(lexicon, "ab")] == 0


def test_words_with_letters_that_cannot_be_written_are_left_out():
    lexicon = build_lexicon(build([["ab", "xyz"]]), COLUMNS)
    assert (lexicon.word != NO_WORD).sum() == 1
