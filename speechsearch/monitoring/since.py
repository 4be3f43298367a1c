"""Did a version change anything for those who were there before it and after it?

What differs between people hides what a new version does, so each session is compared with itself:
values are aligned by their session's mean and ranked, and before and after are permuted within each
session (Hodges and Lehmann 1962, "Rank Methods for Combination of Independent Experiments"). The
family-wise error over the metrics is held by the largest (Westfall and Young 1993). Sessions that
were on one side only say nothing here; windows against the reference see those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from speechsearch.errors import ConfigError
from speechsearch.monitoring import distances as d
from speechsearch.monitoring.distances import Bools, Floats, Ints
from speechsearch.monitoring.observation import METRICS, RATE, Metric

LEAST_SESSIONS = 4
"""That are on both sides: fewer people do not show what a change does to people"""
LEAST_EACH = 20
"""Their utterances on either side"""
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class SinceOptions:
    """How sure a change of what comes after a version must be."""

    permutations: int = 2000
    horizon: int = 500
    """Utterances after the change within which it is looked at"""
    looks: float = 5.0
    """p counts as so many times itself: each look has the utterances of the one before, and more"""
    seed: int = 0

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.permutations < 1000 or self.horizon < LEAST_EACH or self.looks < 1:
            raise ConfigError(
                f"a change takes 1000 permutations, a horizon of {LEAST_EACH} and 1 look at least"
            )


def since_p(
    values: Floats,
    sessions: Ints,
    after: Bools,
    metrics: Sequence[Metric] = METRICS,
    options: SinceOptions | None = None,
) -> dict[str, float]:
    """Family-wise p of each metric: is it other ``after`` than before, in the same sessions?

    ``values`` [n, metrics], ``sessions`` [n], ``after`` [n]. 1 for a metric that moved by less than
    its ``least``; nothing where too few sessions are on both sides.
    """
    options = options or SinceOptions()
    both = np.intersect1d(sessions[after], sessions[~after])
    used = np.isin(sessions, both)
    values, sessions, after = values[used], np.searchsorted(both, sessions[used]), after[used]
    if len(both) < LEAST_SESSIONS or min(after.sum(), (~after).sum()) < LEAST_EACH:
        return {}
    aligned = values - _by_session(values, sessions)
    ranks = _ranks(aligned)
    places = np.nan_to_num(ranks - _by_session(ranks, sessions))
    sums = _labels(sessions, after, options) @ places
    spread = np.maximum(sums[1:].std(axis=0), TINY)
    z = np.abs(sums - sums[1:].mean(axis=0)) / spread
    largest = z.max(axis=1)
    p = (largest[:, None] >= z[0] - TINY).mean(axis=0)
    return {
        metric.name: min(1.0, float(one) * options.looks)
        if _moved(metric, column, beside, after)
        else 1.0
        for metric, one, column, beside in zip(metrics, p, values.T, aligned.T, strict=True)
    }


def _labels(sessions: Ints, after: Bools, options: SinceOptions) -> Floats:
    """[1 + permutations, utterances]: 1 for after; first as it was."""
    random = np.random.default_rng(options.seed)
    order = np.argsort(sessions, kind="stable")
    keys = sessions[order] + random.random((options.permutations, len(order)))
    drawn = after[order][np.argsort(keys, axis=1)]
    labels = np.empty((options.permutations + 1, len(order)))
    labels[0], labels[1:, order] = after, drawn
    return labels


def _ranks(columns: Floats) -> Floats:
    """0..1 down each column, ties alike, NaN where there is no value."""
    ranks = np.full(columns.shape, np.nan)
    for n, column in enumerate(columns.T):
        known = np.isfinite(column)
        _, where, counts = np.unique(
            column[known].round(9), return_inverse=True, return_counts=True
        )
        middles = np.cumsum(counts) - counts / 2
        ranks[known, n] = middles[where] / max(1, known.sum())
    return ranks


def _by_session(columns: Floats, sessions: Ints) -> Floats:
    """The mean of each utterance's session, of values that are known."""
    known = np.isfinite(columns)
    members = (sessions == np.arange(sessions.max() + 1)[:, None]).astype(np.float64)
    counts = members @ known
    means: Floats = (members @ np.where(known, columns, 0.0) / np.maximum(counts, 1))[sessions]
    return means


def _moved(metric: Metric, values: Floats, aligned: Floats, after: Bools) -> bool:
    """By ``least``: a rate by its difference, other metrics by how far apart they lie."""
    known = np.isfinite(values)
    now, before = known & after, known & ~after
    if not now.any() or not before.any():
        return False
    if metric.least == RATE:
        return bool(abs(values[now].mean() - values[before].mean()) >= RATE)
    places = np.unique(aligned[known])
    counts = [
        np.bincount(np.searchsorted(places, aligned[side]), minlength=len(places)).astype(float)
        for side in (before, now)
    ]
    return bool(d.ks(counts[0], counts[1]) >= metric.least)
