"""Back-off n-gram models: how likely a word is after the words before it.

p(w | h) is that of the longest n-gram known; for each word dropped from the front of the history
its back-off weight is paid (Katz 1987). All n-grams lie in one trie, level by level: node 0 is the
empty history, then each word, then the pairs by first word, and so on. The state between two words
is the node of the longest known history, so a step is a binary search among a node's children.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.errors import ModelError

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
EMPTY = 0
"""The state of no history at all"""
_NO_NGRAM = "The language model lacks"
_PRUNED = "Prune it with a tool that keeps what longer n-grams need"
IMPOSSIBLE = np.float32(-99.0)
"""Nats of what never happens, such as a sentence's beginning in its middle"""


class Nodes(NamedTuple):
    """The trie as flat arrays, as compiled loops take it; all [nodes] but ``first``."""

    word: Ints
    """Last word of the n-gram"""
    first: Ints
    """Where a node's children begin; [nodes + 1]"""
    log_prob: Floats
    """Nats, of the last word after those before it"""
    backoff: Floats
    """Nats, paid when the next word is no child"""
    suffix: Ints
    """The node of the same words without the first"""


@dataclass(frozen=True, slots=True, eq=False)
class NGram:
    """A model; the number of a word is its place in ``words``."""

    words: tuple[str, ...]
    order: int
    nodes: Nodes
    ids: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {word: i for i, word in enumerate(self.words)})

    @property
    def start(self) -> int:
        """The state at the beginning of a sentence."""
        return self.after((BEGIN,)) if BEGIN in self.ids else EMPTY

    @property
    def unigrams(self) -> Floats:
        """Nats [words]: each word without any history."""
        return self.nodes.log_prob[1 : 1 + len(self.words)]

    def number(self, word: str) -> int:
        """The word's number, that of ``<unk>`` for one that the model does not know."""
        return self.ids.get(word, self.ids[UNKNOWN])

    def after(self, history: Iterable[str]) -> int:
        """The state after these words; unlike ``start`` nothing is before them."""
        state = EMPTY
        for word in history:
            state = advance(self.nodes, state, self.number(word))[0]
        return state

    def score(self, state: int, word: str) -> tuple[int, float]:
        """The next state, and log p(word | state) in nats."""
        after, nats = advance(self.nodes, state, self.number(word))
        return int(after), float(nats)

    def sentence(self, words: Sequence[str]) -> float:
        """Log-probability in nats of a whole sentence, its end included."""
        state, total = self.start, 0.0
        for word in (*words, END):
            state, nats = self.score(state, word)
            total += nats
        return total


@compiled
def find_child(nodes, node, word):  # type: ignore[no-untyped-def]
    """The child of ``node`` for ``word``, or -1."""
    if node == 0:  # every word has its node, in the order of their numbers
        return np.int64(word) + 1
    low, high = np.int64(nodes.first[node]), np.int64(nodes.first[node + 1])
    while low < high:
        middle = (low + high) // 2
        if nodes.word[middle] < word:
            low = middle + 1
        else:
            high = middle
    if low < nodes.first[node + 1] and nodes.word[low] == word:
        return low
    return np.int64(-1)


@compiled
def advance(nodes, state, word):  # type: ignore[no-untyped-def]
    """(next state, log p(word | state) in nats)."""
    nats = 0.0
    here = np.int64(state)
    child = find_child(nodes, here, word)
    while child < 0:  # every word is a child of the empty history
        nats += nodes.backoff[here]
        here = np.int64(nodes.suffix[here])
        child = find_child(nodes, here, word)
    return child, nats + nodes.log_prob[child]


@compiled
def link_suffixes(nodes, second_level):  # type: ignore[no-untyped-def]
    """Fill ``suffix``; the number of a node whose suffix is missing, or -1."""
    for parent in range(1, second_level):
        nodes.suffix[parent] = 0
    for parent in range(1, len(nodes.word)):
        for node in range(nodes.first[parent], nodes.first[parent + 1]):
            nodes.suffix[node] = find_child(nodes, nodes.suffix[parent], nodes.word[node])
            if nodes.suffix[node] < 0:
                return node
    return -1


class Grams(NamedTuple):
    """The n-grams of one length."""

    words: npt.NDArray[np.int64]
    """[grams, length]"""
    log_prob: Floats
    """Nats [grams]"""
    backoff: Floats
    """Nats [grams]"""


def assemble(words: Sequence[str], levels: Sequence[Grams]) -> NGram:
    """A model of its n-grams, the single words first, all of them, in any order.

    Raises ``ModelError`` where an n-gram's first or last words are no n-gram themselves.
    """
    size = len(words)
    counts = [1] + [len(level.log_prob) for level in levels]
    total = sum(counts)
    nodes = Nodes(
        np.zeros(total, np.int32), np.full(total + 1, total, np.int32),
        np.zeros(total, np.float32), np.zeros(total, np.float32), np.zeros(total, np.int32),
    )  # fmt: skip
    keys = [np.zeros(1, np.int64)]
    start = 1
    for level in levels:
        parents = _find(level.words[:, :-1], keys, size)
        key = parents * size + level.words[:, -1]
        order = np.argsort(key, kind="stable")
        keys.append(key[order])
        end = start + len(order)
        nodes.word[start:end] = level.words[order, -1]
        nodes.log_prob[start:end] = level.log_prob[order]
        nodes.backoff[start:end] = level.backoff[order]
        above = start - counts[len(keys) - 2]
        nodes.first[above : start + 1] = start + np.searchsorted(
            keys[-1], np.arange(start - above + 1) * size
        )
        start = end
    missing = link_suffixes(nodes, 1 + size)
    if missing >= 0:
        raise ModelError(
            f"{_NO_NGRAM} the end of one that ends in {words[nodes.word[missing]]!r}", hint=_PRUNED
        )
    return NGram(tuple(words), len(levels), nodes)


def _find(
    grams: npt.NDArray[np.int64], keys: Sequence[npt.NDArray[np.int64]], size: int
) -> npt.NDArray[np.int64]:
    """Where each n-gram stands in its level."""
    place = np.zeros(len(grams), np.int64)
    for column, known in zip(grams.T, keys[1:], strict=True):
        key = place * size + column
        place = np.minimum(np.searchsorted(known, key), len(known) - 1)
        if (known[place] != key).any():
            raise ModelError(f"{_NO_NGRAM} the beginning of a longer one", hint=_PRUNED)
    return place
