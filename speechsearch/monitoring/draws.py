"""Who belongs to a window, permuted by session: the draws that ``permutation.py`` judges by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from speechsearch.monitoring.distances import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Reference and window together."""

    values: Floats
    sessions: Ints
    reference_utterances: int
    order: Ints
    """[utterances]: session after session"""

    def summed(self, rows: Floats, kept: Bools | None = None) -> Floats:
        """[sessions, ...]: sums of ``rows`` [utterances, ...] over each session, of those kept.

        Of each session one is kept at least.
        """
        order = self.order if kept is None else self.order[kept[self.order]]
        starts = np.searchsorted(self.sessions[order], np.arange(self.sessions.max() + 1))
        sums: Floats = np.add.reduceat(rows[order], starts, axis=0)
        return sums


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Permutations that share one thinning."""

    current: Floats
    """[permutations, sessions]: 1 for those in the window"""
    kept: Bools
    """[utterances] with which a session enters a window"""
    share: Floats
    """[sessions]: so much of it is kept; on the side of the reference it weighs no more"""


def renumbered(reference: Ints, window: Ints) -> Ints:
    """Sessions of both from 0, those of the window after those of the reference."""
    _, first = np.unique(reference, return_inverse=True)
    _, second = np.unique(window, return_inverse=True)
    return np.concatenate([first, second + first.max() + 1]).astype(np.int64)


def draws(
    sample: Pool, permutations: int, thinnings: int, random: np.random.Generator
) -> Iterator[Draw]:
    """The first row of the first draw is what was seen."""
    in_window = np.arange(len(sample.sessions)) >= sample.reference_utterances
    sessions = int(sample.sessions.max()) + 1
    windows = np.unique(sample.sessions[in_window])
    seen = np.isin(np.arange(sessions), windows).astype(np.float64)
    sizes = np.bincount(sample.sessions[in_window])[windows]
    each = -(-permutations // thinnings)
    for number in range(thinnings):
        current = random.permuted(np.tile(seen, (each, 1)), axis=1)
        if number == 0:
            current[0] = seen
        order = random.permutation(len(sample.sessions))
        rank = np.empty(len(order), np.int64)
        for session in range(sessions):
            chosen = order[sample.sessions[order] == session]
            rank[chosen] = np.arange(len(chosen))
        most = random.choice(sizes, sessions)[sample.sessions]
        kept = (rank < most) | in_window
        share = np.bincount(sample.sessions, kept) / np.bincount(sample.sessions)
        yield Draw(current, kept, share)
