"""CTC prefix beam search: the loop over frames and prefixes.

Graves 2012 and Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs": a prefix holds the probability of all paths that spell it, those
that end in a blank apart from those that end in its last letter, both as logarithms.

One thing is added: a word delimiter after a delimiter, or at the very beginning, spells nothing
new. So a prefix is a text, and holds the paths of all spellings of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.asr.fusion import NODE, extend, worth

NEVER = -np.inf


class Alphabet(NamedTuple):
    """What the columns of the log-probs are."""

    shown: npt.NDArray[np.int64]
    """Columns that can be written, the delimiter among them"""
    blank: int
    delimiter: int


class Limits(NamedTuple):
    """What is followed."""

    prefixes: int
    """How many are kept after each frame"""
    behind_nats: float
    """How far a prefix may be behind the best"""
    letter_nats: float
    """How far a letter may be behind the frame's best to begin a new prefix"""


@compiled
def add(a, b):  # type: ignore[no-untyped-def]
    """Log of the sum of two probabilities given as logs."""
    if a < b:
        a, b = b, a
    return a if b == NEVER else a + np.log1p(np.exp(b - a))


@compiled
def search(log_probs, alphabet, sources, limits):  # type: ignore[no-untyped-def]
    """(nodes, node of each prefix kept, log-probability of its paths); not in order."""
    nodes = np.zeros(1 + limits.prefixes * len(log_probs), NODE)
    nodes[0].parent, nodes[0].letter = -1, alphabet.delimiter
    nodes[0].history = sources.start
    place = np.full(len(nodes), -1)  # of a node among those kept
    kept, blank, letter = np.zeros(1, np.int64), np.zeros(1), np.full(1, NEVER)
    used = 1
    for row in log_probs:
        whole = _sums(blank, letter)
        for i in range(len(kept)):
            place[kept[i]] = i
        still = _stay(row, nodes, alphabet, (kept, letter, whole))
        begun = _grow(row, nodes, place, (kept, blank, whole), still[1])
        for node in kept:
            place[node] = -1
        new = _candidates(row, nodes, alphabet, sources, limits, (kept, blank, whole, begun))
        kept, blank, letter = _select(nodes, used, (kept, *still), new, alphabet, sources, limits)
        used = max(used, int(kept[-1]) + 1)
    return nodes[:used], kept, _sums(blank, letter)


@compiled
def _select(nodes, used, old, new, alphabet, sources, limits):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """The best of old and new prefixes; the new ones get their nodes from ``used`` on."""
    kept, in_blank, in_letter = old
    slots, columns, heard, score = new
    stay = _sums(in_blank, in_letter)
    for i in range(len(kept)):
        stay[i] += worth(nodes[kept[i]])
    floor = _floor(stay, score, limits)
    stays = np.flatnonzero(stay >= floor)[: limits.prefixes]
    begins = np.flatnonzero(score >= floor)[: limits.prefixes - len(stays)]
    for i, candidate in enumerate(begins):
        node = nodes[used + i]
        node.parent = kept[slots[candidate]]
        extend(nodes[node.parent], columns[candidate], sources, alphabet.delimiter, node)
    return (
        np.concatenate((kept[stays], used + np.arange(len(begins)))),
        np.concatenate((in_blank[stays], np.full(len(begins), NEVER))),
        np.concatenate((in_letter[stays], heard[begins])),
    )


@compiled
def _sums(blank, letter):  # type: ignore[no-untyped-def]
    """Both kinds of paths of each prefix together."""
    whole = np.empty(len(blank))
    for i in range(len(blank)):
        whole[i] = add(blank[i], letter[i])
    return whole


@compiled
def _stay(row, nodes, alphabet, prefixes):  # type: ignore[no-untyped-def]
    """What each prefix holds when this frame adds no letter to it: (in a blank, in a letter)."""
    kept, letter, whole = prefixes
    in_blank, in_letter = np.empty(len(kept)), np.empty(len(kept))
    for i in range(len(kept)):
        last = nodes[kept[i]].letter
        in_blank[i] = whole[i] + row[alphabet.blank]
        in_letter[i] = (whole[i] if last == alphabet.delimiter else letter[i]) + row[last]
    return in_blank, in_letter


@compiled
def _grow(row, nodes, place, prefixes, in_letter):  # type: ignore[no-untyped-def]
    """Add to prefixes what shorter ones become; the columns by which each became a known one."""
    kept, blank, whole = prefixes
    begun = np.zeros(len(kept), np.uint64)
    for i in range(len(kept)):
        node = nodes[kept[i]]
        if node.parent < 0 or place[node.parent] < 0:
            continue
        above = place[node.parent]
        same = nodes[node.parent].letter == node.letter
        before = blank[above] if same else whole[above]
        in_letter[i] = add(in_letter[i], before + row[node.letter])
        begun[above] |= np.uint64(1) << np.uint64(node.letter)
    return begun


@compiled
def _candidates(row, nodes, alphabet, sources, limits, prefixes):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """New prefixes: (place of the shorter one, letter, log-probability, that with its worth)."""
    kept, blank, whole, begun = prefixes
    size = len(kept) * len(alphabet.shown)
    slots, columns = np.empty(size, np.int64), np.empty(size, np.int64)
    heard, score = np.empty(size), np.empty(size)
    longer = np.zeros(1, NODE)
    best = NEVER
    for i in range(len(kept)):
        best = max(best, whole[i] + worth(nodes[kept[i]]))
    top, loudest, count = row.max(), best + row.max() - limits.behind_nats, 0
    for column in alphabet.shown:
        if row[column] < top - limits.letter_nats:
            continue
        for i in range(len(kept)):
            node = nodes[kept[i]]
            same = column == node.letter
            if begun[i] >> np.uint64(column) & np.uint64(1) or (
                same and column == alphabet.delimiter
            ):
                continue
            paths = (blank[i] if same else whole[i]) + row[column]
            if paths == NEVER or paths + worth(node) < loudest:
                continue
            extend(node, column, sources, alphabet.delimiter, longer[0])
            slots[count], columns[count], heard[count] = i, column, paths
            score[count] = paths + worth(longer[0])
            count += 1
    return slots[:count], columns[:count], heard[:count], score[:count]


@compiled
def _floor(stay, score, limits):  # type: ignore[no-untyped-def]
    """The least score that is kept."""
    every = np.concatenate((stay, score))
    floor = every.max() - limits.behind_nats
    if len(every) > limits.prefixes:
        floor = max(floor, np.partition(every, len(every) - limits.prefixes)[-limits.prefixes])
    return floor
