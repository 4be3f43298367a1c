"""Phrases that are likely to be said here: letters that spell one are worth more to the decoder.

An automaton over letters (Aho and Corasick 1975) whose matches begin and end between words. Every
letter of a phrase earns a boost at once, so that the beam keeps it; it is paid back when the path
leaves the phrase before its end (Zhao et al. 2019, "Shallow-Fusion End-to-End Contextual Biasing").
Of two phrases that overlap the first counts, so that no letter is boosted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.asr.trie import ROOT, Trie, build_trie, step

OUTSIDE = -1
"""Inside a word that begins no phrase"""


class Bias(NamedTuple):
    """The automaton; ``ROOT`` is the state between two words of no phrase; all [nodes]."""

    trie: Trie
    fail: npt.NDArray[np.int32]
    """Where the longest other phrase that may have begun stands"""
    owed: npt.NDArray[np.int32]
    """Letters whose boost is paid back when the path leaves from here"""
    delimiter: int


def build_bias(phrases: Sequence[str], columns: Mapping[str, int], delimiter: int) -> Bias:
    """The automaton for phrases in lower-case words with single spaces."""
    spelt = [phrase.strip() + " " for phrase in phrases if phrase.strip()]
    trie, ends = build_trie(spelt, {**columns, " ": delimiter})
    fail = np.full(len(trie.mask), OUTSIDE, np.int32)
    owed = np.zeros(len(trie.mask), np.int32)
    whole = np.zeros(len(trie.mask), np.bool_)
    whole[ends[ends != ROOT]] = True
    bias = Bias(trie, fail, owed, delimiter)
    _link(bias, whole)
    return bias


@compiled
def follow(bias, state, column):  # type: ignore[no-untyped-def]
    """(next state, letters boosted less letters paid back)."""
    paid = np.int64(0) if state == OUTSIDE else np.int64(bias.owed[state])
    here = np.int64(state)
    while here != OUTSIDE:
        child = step(bias.trie, here, column)
        if child >= 0:
            return child, np.int64(bias.owed[here]) + 1 - paid
        here = np.int64(bias.fail[here])
    if column == bias.delimiter:
        return np.int64(ROOT), np.int64(-paid)
    return np.int64(OUTSIDE), np.int64(-paid)


@compiled
def _link(bias, whole):  # type: ignore[no-untyped-def]
    """Fill ``fail`` and ``owed``, level by level; ``whole`` [nodes]: a phrase ends here."""
    trie = bias.trie
    for node in range(1, len(trie.mask)):
        parent, column = trie.parent[node], trie.column[node]
        if parent != ROOT:
            bias.fail[node] = follow(bias, bias.fail[parent], column)[0]
        shorter = bias.fail[node]
        bias.owed[node] = bias.owed[parent] + 1
        if whole[node]:
            bias.owed[node] = 0
        elif shorter > ROOT and bias.owed[shorter] == 0:
            bias.owed[node] = max(0, bias.owed[node] - trie.depth[shorter])
        while shorter > ROOT and bias.owed[shorter] > bias.owed[node]:
            shorter = bias.fail[shorter]
        bias.fail[node] = shorter
