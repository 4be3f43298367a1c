"""The words that a language model knows, as a tree of letters for the decoder to walk down.

Each node looks ahead: the log-probability of its likeliest word, which a path is charged from the
first letter on, so that it is not cut for a word that comes cheap, nor kept for one that does not
exist (Ortmanns et al. 1996, "Language-model look-ahead for large vocabulary speech recognition").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speechsearch.asr.ngram import UNKNOWN, NGram
from speechsearch.asr.trie import Trie, build_trie

Floats = npt.NDArray[np.float32]
NO_WORD = -1


class Lexicon(NamedTuple):
    """Words by letters; all [nodes]."""

    trie: Trie
    word: npt.NDArray[np.int32]
    """The model's number of the word that is spelt so, or -1"""
    extra: Floats
    """Nats added to the word's score: less than 0 for one of many that the model does not know"""
    ahead: Floats
    """Nats of the likeliest word below, without history"""


def build_lexicon(model: NGram, columns: Mapping[str, int], names: Iterable[str] = ()) -> Lexicon:
    """All words of the model that can be spelt, and ``names`` that it does not know.

    Names share the probability of ``<unk>``. ``columns`` maps letters to columns of the log-probs.
    """
    known = {letter.lower() for letter in columns}
    words = [word for word in model.words if word and known.issuperset(word)]
    new = sorted({n for n in names if n and n not in model.ids and known.issuperset(n)})
    trie, at = build_trie([*words, *new], columns)
    numbers = np.array([*map(model.number, words), *[model.ids[UNKNOWN]] * len(new)], np.int32)
    word = np.full(len(trie.mask), NO_WORD, np.int32)
    extra = np.zeros(len(trie.mask), np.float32)
    word[at] = numbers
    extra[at[len(words) :]] = -np.log(max(1, len(new)))
    ahead = np.full(len(trie.mask), -np.inf, np.float32)
    ahead[at] = model.unigrams[numbers] + extra[at]
    bounds = np.searchsorted(trie.depth, np.arange(trie.depth[-1] + 2))
    for depth in range(len(bounds) - 2, 0, -1):
        level = slice(bounds[depth], bounds[depth + 1])
        np.maximum.at(ahead, trie.parent[level], ahead[level])
    return Lexicon(trie, word, extra, ahead)
