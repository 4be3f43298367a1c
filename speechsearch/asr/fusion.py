"""What a language model and phrases add to the audio's own log-probability (shallow fusion).

Both follow the letters of a prefix: through the lexicon, whose look-ahead is charged until the word
is whole and the language model knows what it costs here, and through the automaton of phrases.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from speechsearch.asr.bias import Bias, follow
from speechsearch.asr.compiled import compiled
from speechsearch.asr.lexicon import NO_WORD, Lexicon
from speechsearch.asr.ngram import Nodes, advance
from speechsearch.asr.trie import ROOT, step

OUT_OF_LEXICON = -1
NODE = np.dtype(
    [("parent", "i4"), ("letter", "i4"), ("depth", "i4"), ("lexicon", "i8"), ("history", "i8"),
     ("bias", "i8"), ("words_nats", "f8"), ("ahead_nats", "f8"), ("bias_nats", "f8")]
)  # fmt: skip
"""A prefix: how it is spelt (parent, last letter, letters of the last word), where it stands in
lexicon, language model and automaton, and what they add: for whole words, for the begun one, and
for phrases."""


class Sources(NamedTuple):
    """What knows words, and what each counts for."""

    model: Nodes
    lexicon: Lexicon
    bias: Bias
    start: int
    """The language model's first history"""
    unknown: int
    end: int
    """Numbers of ``<unk>`` and ``</s>``"""
    model_weight: float
    word_nats: float
    """For each word"""
    letter_nats: float
    """For each letter of a word that the lexicon lacks, beside that of ``<unk>``"""
    boost_nats: float
    """For each letter of a phrase"""


@compiled
def extend(node, letter, sources, delimiter, longer):  # type: ignore[no-untyped-def]
    """Write into ``longer`` what ``node`` becomes by one more letter."""
    lexicon = sources.lexicon
    longer.letter = letter
    state, boosted = follow(sources.bias, node.bias, letter)
    longer.bias = state
    longer.bias_nats = node.bias_nats + boosted * sources.boost_nats
    if letter == delimiter:
        history, nats = _finish(node, sources)
        longer.history, longer.words_nats = history, node.words_nats + nats
        longer.lexicon, longer.depth, longer.ahead_nats = ROOT, 0, 0.0
        return
    longer.history, longer.words_nats, longer.depth = node.history, node.words_nats, node.depth + 1
    longer.lexicon = np.int64(OUT_OF_LEXICON)
    if node.lexicon != OUT_OF_LEXICON:
        longer.lexicon = step(lexicon.trie, node.lexicon, letter)
    if longer.lexicon == OUT_OF_LEXICON:
        nats = _unknown_nats(sources, longer.depth)
    else:
        nats = lexicon.ahead[longer.lexicon]
    longer.ahead_nats = sources.model_weight * nats + sources.word_nats


@compiled
def _unknown_nats(sources, letters):  # type: ignore[no-untyped-def]
    """Of a word of so many letters that the lexicon lacks, without history."""
    return sources.model.log_prob[sources.unknown + 1] + sources.letter_nats * letters


@compiled
def _finish(node, sources):  # type: ignore[no-untyped-def]
    """(history, nats) once the begun word is whole; nothing changes where none is begun."""
    if node.depth == 0:
        return node.history, 0.0
    lexicon = sources.lexicon
    word = np.int64(sources.unknown)
    extra = sources.letter_nats * node.depth
    if node.lexicon != OUT_OF_LEXICON and lexicon.word[node.lexicon] != NO_WORD:
        word = np.int64(lexicon.word[node.lexicon])
        extra = np.float64(lexicon.extra[node.lexicon])
    history, nats = advance(sources.model, node.history, word)
    return history, sources.model_weight * (nats + extra) + sources.word_nats


@compiled
def worth(node):  # type: ignore[no-untyped-def]
    """What language model and automaton add to the prefix's log-probability."""
    return node.words_nats + node.ahead_nats + node.bias_nats


@compiled
def close(nodes, kept, sources, delimiter):  # type: ignore[no-untyped-def]
    """What language model and automaton add to each prefix when nothing follows, nats [kept]."""
    added = np.empty(len(kept))
    for i in range(len(kept)):
        node = nodes[kept[i]]
        history, nats = _finish(node, sources)
        state, boosted = node.bias, np.int64(0)
        if node.letter != delimiter:
            state, boosted = follow(sources.bias, node.bias, delimiter)
        if state > ROOT:
            boosted -= sources.bias.owed[state]
        end = advance(sources.model, history, sources.end)[1]
        added[i] = node.words_nats + nats + sources.model_weight * end
        added[i] += node.bias_nats + boosted * sources.boost_nats
    return added
