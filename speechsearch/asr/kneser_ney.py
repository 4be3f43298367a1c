"""Builds an n-gram model of sentences: interpolated modified Kneser-Ney smoothing.

Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling": each
n-gram gives a discount to those unseen, and shorter n-grams count the words that they were seen
after, not how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.asr.ngram import BEGIN, END, IMPOSSIBLE, UNKNOWN, Grams, NGram, assemble

Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
_MARKS = (UNKNOWN, BEGIN, END)
_FALLBACK = 0.75
"""The discount where too few n-grams are rare to tell one"""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What is counted, kept, and mixed in."""

    order: int = 3
    min_counts: tuple[int, ...] = (1, 1, 1)
    """The rarest n-grams kept, by length; never lower for a longer one"""
    base_share: float = 0.0
    """How much of the single words' distribution is the one handed in"""
    unknown: float = 1e-4
    """Probability of a word that is in neither"""


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The n-grams of one length, by number."""

    words: Numbers
    """[grams, length]"""
    parent: Numbers
    """The n-gram without its last word, by its number one level up"""
    suffix: Numbers
    """The n-gram without its first word"""
    seen: Numbers
    """How often each was seen"""


def build(
    sentences: Iterable[Sequence[str]],
    options: BuildOptions | None = None,
    base: Mapping[str, float] | None = None,
) -> NGram:
    """A model of sentences of words.

    ``base`` gives further words, each with any positive weight; without it single words are
    smoothed towards a uniform distribution.
    """
    options = options or BuildOptions()
    spoken = [tuple(sentence) for sentence in sentences]
    base = base or {}
    names = (*_MARKS, *sorted({w for s in spoken for w in s} | base.keys()))
    ids = {word: i for i, word in enumerate(names)}
    levels = _count(spoken, ids, options.order)
    kept = [level.seen >= n for level, n in zip(levels, options.min_counts, strict=True)]
    kept[0][:] = True
    probabilities = _probabilities(levels, _base(names, base, options.unknown), options)
    grams = [
        Grams(level.words[keep], _log(p[keep]), weights[keep])
        for level, keep, p, weights in zip(
            levels, kept, probabilities, _backoffs(levels, kept, probabilities), strict=True
        )
    ]
    return assemble(names, grams)


def _count(spoken: list[tuple[str, ...]], ids: dict[str, int], order: int) -> list[_Level]:
    """Every n-gram up to ``order``, all words of ``ids`` among them."""
    marked = [(BEGIN, *sentence, END) for sentence in spoken]
    text = np.array([ids[word] for sentence in marked for word in sentence], np.int64)
    left = np.concatenate([np.arange(len(s), 0, -1) for s in marked] or [np.zeros(0, np.int64)])
    every = np.arange(len(ids))
    nothing = np.zeros_like(every)
    levels = [_Level(every[:, None], nothing, nothing, np.bincount(text, minlength=len(ids)))]
    at = text  # the n-gram that begins at each place of the text
    for length in range(2, order + 1):
        places = np.flatnonzero(left >= length)
        keys, first, which, seen = np.unique(
            at[places] * len(ids) + text[places + length - 1],
            return_index=True, return_inverse=True, return_counts=True,
        )  # fmt: skip
        words = text[places[first][:, None] + np.arange(length)]
        levels.append(_Level(words, keys // len(ids), at[places[first] + 1], seen))
        at = np.full(len(text), -1)
        at[places] = which
    return levels


def _probabilities(levels: list[_Level], base: Reals, options: BuildOptions) -> list[Reals]:
    """p(last word | those before) of every n-gram, shorter ones mixed in."""
    result: list[Reals] = []
    for number, level in enumerate(levels):
        counts = _weighed(level, levels[number + 1] if number + 1 < len(levels) else None)
        size = len(levels[number - 1].seen) if number else 1
        whole = np.maximum(np.bincount(level.parent, counts, size), 1e-30)
        given = np.minimum(counts, _discounts(counts)[np.minimum(counts, 3)])
        spare = np.bincount(level.parent, given, size) / whole
        lower = result[-1][level.suffix] if number else base
        p = (counts - given) / whole[level.parent] + spare[level.parent] * lower
        result.append(p if number else (1 - options.base_share) * p + options.base_share * base)
    if not result[0].sum() > 0:  # no sentences at all
        result[0] = base
    result[0] /= result[0].sum()
    return result


def _weighed(level: _Level, longer: _Level | None) -> Numbers:
    """In how many words' wake each n-gram was seen; how often where nothing can be before it."""
    begins = level.words[:, 0] == _MARKS.index(BEGIN)
    if longer is None:
        counts = level.seen
    else:
        counts = np.where(begins, level.seen, np.bincount(longer.suffix, minlength=len(begins)))
    if level.words.shape[1] == 1:
        counts = np.where(begins, 0, counts)
    return counts


def _discounts(counts: Numbers) -> Reals:
    """What an n-gram of count 0, 1, 2, 3 and more gives away."""
    n1, n2, n3, n4 = (int((counts == n).sum()) for n in (1, 2, 3, 4))
    if 0 in (n1, n2, n3, n4):
        return np.array([0, _FALLBACK, _FALLBACK, _FALLBACK])
    y = n1 / (n1 + 2 * n2)
    rates = [0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.clip(rates, 0, [0, 1, 2, 3])


def _base(names: Sequence[str], base: Mapping[str, float], unknown: float) -> Reals:
    """The distribution handed in, or a uniform one, over all words but ``<s>``."""
    whole = sum(base.values()) or 1.0
    shares = np.array([base.get(n, 0.0) / whole if base else 1.0 for n in names])
    shares[_MARKS.index(BEGIN)] = 0
    shares[_MARKS.index(UNKNOWN)] = 0
    mixed: Reals = shares / max(shares.sum(), 1e-30) * (1 - unknown)
    mixed[_MARKS.index(UNKNOWN)] = unknown
    return mixed


def _backoffs(
    levels: list[_Level], kept: list[npt.NDArray[np.bool_]], probabilities: list[Reals]
) -> list[npt.NDArray[np.float32]]:
    """Nats that make what follows each n-gram sum to one again once rare ones are dropped."""
    result = []
    for number in range(len(levels)):
        size = len(levels[number].seen)
        spare, other = np.ones(size), np.ones(size)
        if number + 1 < len(levels):
            longer, keep = levels[number + 1], kept[number + 1]
            parents = longer.parent[keep]
            spare -= np.bincount(parents, probabilities[number + 1][keep], size)
            other -= np.bincount(parents, probabilities[number][longer.suffix[keep]], size)
        result.append(_log(np.maximum(spare, 1e-12) / np.maximum(other, 1e-12)))
    return result


def _log(p: Reals) -> npt.NDArray[np.float32]:
    logs: npt.NDArray[np.float32] = np.maximum(np.log(np.maximum(p, 1e-300)), IMPOSSIBLE).astype(
        np.float32
    )
    return logs
