"""Is the newest window another population than the reference? Asked of sessions, not utterances.

Utterances of one person are alike: twenty of thirteen speakers say little more than thirteen
numbers. So who belongs to the window is permuted by session, on every metric and distance at once,
and the family-wise error is held by the largest of them (Westfall and Young 1993,
"Resampling-Based Multiple Testing", single step), each in units of its own spread.

A window holds fewer utterances of a session than the reference; a reference session that a
permutation puts into the window therefore comes with as few, drawn at random, and weighs no more
where it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from speechsearch.errors import ConfigError
from speechsearch.monitoring import distances as d
from speechsearch.monitoring.distances import Floats, Ints
from speechsearch.monitoring.draws import Draw, Pool, draws, renumbered
from speechsearch.monitoring.observation import BY_NAME, METRICS, SOUNDS
from speechsearch.monitoring.reference import ReferenceProfile

NAMES = tuple(metric.name for metric in METRICS)
TINY = 1e-6
OUTER = 0.99
"""A statistic is measured in the distance of this quantile from its median: tails count alike"""


@dataclass(frozen=True, slots=True)
class PermutationOptions:
    """How often is permuted, and how much must have moved."""

    permutations: int = 500
    thinnings: int = 5
    """Draws of the few utterances with which reference sessions enter a window"""
    grid: int = 32
    """Quantiles of both samples at which distribution functions are compared"""
    most_reference: int = 1000
    """Utterances of the reference, the newest, that are compared"""
    enough_p: float = 0.3
    """No more permutations for what the first thinning finds likelier (Besag and Clifford 1991)"""
    seed: int = 0

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.permutations < 100 or not 1 <= self.thinnings <= self.permutations:
            raise ConfigError("permutations must be 100 at least, and thinnings 1 to as many")


@dataclass(frozen=True, slots=True)
class Distance:
    """One metric by one detector."""

    metric: str
    detector: str
    """``psi``, ``ks``, ``ranks`` or ``mmd``"""
    value: float
    p: float
    """How often some metric lies as far out, in its own spread, where nothing has changed"""


class WindowTest:
    """Compares windows with one reference; the same answer for the same window."""

    def __init__(
        self, reference: ReferenceProfile, options: PermutationOptions | None = None
    ) -> None:
        self._options = options or PermutationOptions()
        newest = slice(-self._options.most_reference, None)
        self._values = reference.values[newest]
        self._sessions = reference.sessions[newest]
        self._edges = reference.edges
        pooled = reference.pooled[newest]
        self._centre = np.nanmean(pooled, axis=0)
        self._scale = np.maximum(np.nanstd(pooled, axis=0), TINY)
        self._sounds = [_Sound.of(points) for points in self._halves(pooled)]

    def compare(self, values: Floats, pooled: Floats, sessions: Ints) -> list[Distance]:
        """Every metric by PSI, KS and ranks, and all of the sound by MMD.

        ``values`` [n, METRICS], ``pooled`` [n, features] and ``sessions`` [n] of the window;
        sessions that the reference has not, so any numbers do.
        """
        random = np.random.default_rng(self._options.seed)
        together = renumbered(self._sessions, sessions)
        sample = Pool(
            np.vstack([self._values, values]),
            together,
            len(self._values),
            np.argsort(together, kind="stable"),
        )
        halves = zip(self._sounds, self._halves(pooled), strict=True)
        kernels = [reference.beside(window) for reference, window in halves]
        drawn = draws(sample, self._options.permutations, self._options.thinnings, random)
        first = [next(drawn)]
        found = self._judged(self._tested(sample, kernels, first))
        if min(one.p for one in found) > self._options.enough_p:
            return found
        return self._judged(self._tested(sample, kernels, [*first, *drawn]))

    def _tested(self, sample: Pool, kernels: list[Floats], draws: list[Draw]) -> Tested:
        return (
            self._by_psi(sample, draws)
            | self._by_ranks(sample, draws)
            | _by_mmd(sample, kernels, draws)
        )

    def _halves(self, pooled: Floats) -> list[Floats]:
        """Of each of SOUNDS, float64 [n, features], in the reference's deviations."""
        scaled = np.nan_to_num((pooled - self._centre) / self._scale)
        return np.split(scaled, len(SOUNDS), axis=1)

    def _by_psi(self, sample: Pool, draws: list[Draw]) -> Tested:
        columns = zip(sample.values.T, self._edges, strict=True)
        bins = [d.bin_of(column, edges) for column, edges in columns]
        counted = _counted(sample, draws, bins, [len(edges) + 1 for edges in self._edges])
        return {
            (name, "psi"): np.log(d.psi(*sides) + TINY)
            for name, sides in zip(NAMES, counted, strict=True)
        }

    def _by_ranks(self, sample: Pool, draws: list[Draw]) -> Tested:
        edges = [d.quantile_edges(column, self._options.grid) for column in sample.values.T]
        bins = [d.bin_of(column, one) for column, one in zip(sample.values.T, edges, strict=True)]
        counted = _counted(sample, draws, bins, [len(one) + 1 for one in edges])
        return {
            (name, detector): distance(*sides)
            for name, sides in zip(NAMES, counted, strict=True)
            for detector, distance in (("ks", d.ks), ("ranks", d.rank_shift))
        }

    def _judged(self, tested: Tested) -> list[Distance]:
        """Adjusted p of the first of each row, which is what was really seen."""
        rows = np.stack(list(tested.values()))
        middle, outer = np.quantile(rows, [0.5, OUTER], axis=1)
        z = (rows - middle[:, None]) / np.maximum(outer - middle, TINY)[:, None]
        largest = z.max(axis=0)
        p = (largest[None, :] >= z[:, :1] - TINY).mean(axis=1)
        found = []
        for (metric, detector), row, one in zip(tested, rows, p, strict=True):
            value = float(row[0]) if detector in ("ks", "ranks") else float(np.exp(row[0]) - TINY)
            is_small = detector != "mmd" and tested[metric, "ks"][0] < BY_NAME[metric].least
            found.append(Distance(metric, detector, value, 1.0 if is_small else float(one)))
        return found


Tested = dict[tuple[str, str], Floats]
"""Metric and detector: the statistic, first as it is, then permuted"""


@dataclass(frozen=True, slots=True, eq=False)
class _Sound:
    """The reference's part of a kernel, and what the rest of it needs; its width is the
    reference's median distance."""

    points: Floats
    width: float
    kernel: Floats

    @classmethod
    def of(cls, points: Floats) -> _Sound:
        width = d.median_distance(points)
        return cls(points, width, d.rbf_kernel(points, points, width))

    def beside(self, window: Floats) -> Floats:
        """Of reference and window together."""
        across = d.rbf_kernel(self.points, window, self.width)
        within = d.rbf_kernel(window, window, self.width)
        return np.block([[self.kernel, across], [across.T, within]])


def _counted(
    sample: Pool, draws: list[Draw], bins: list[Ints], lengths: list[int]
) -> list[tuple[Floats, Floats]]:
    """For each metric the counts [permutations, bins] of reference and window."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    places, width = np.stack(bins), int(starts[-1])
    known = places >= 0
    cells = (sample.sessions * width + starts[:-1, None] + places)[known]
    utterances = np.nonzero(known)[1]
    shape = (int(sample.sessions.max()) + 1, width)

    def by_session(fallen: Ints) -> Floats:
        return np.bincount(fallen, minlength=shape[0] * width).reshape(shape).astype(np.float64)

    whole = by_session(cells)
    sides = [
        ((1.0 - draw.current) @ (draw.share[:, None] * whole),
         draw.current @ by_session(cells[draw.kept[utterances]]))
        for draw in draws
    ]  # fmt: skip
    reference, current = (np.vstack(side) for side in zip(*sides, strict=True))
    spans = [slice(a, b) for a, b in pairwise(starts)]
    return [(reference[:, span], current[:, span]) for span in spans]


def _by_mmd(sample: Pool, kernels: list[Floats], draws: list[Draw]) -> Tested:
    return {
        (metric.name, "mmd"): np.log(_mmd2(sample, draws, kernel) + TINY)
        for metric, kernel in zip(SOUNDS, kernels, strict=True)
    }


def _mmd2(sample: Pool, draws: list[Draw], kernel: Floats) -> Floats:
    sizes, found = np.bincount(sample.sessions), []
    whole = sample.summed(sample.summed(kernel).T)
    for draw in draws:
        few = sample.summed(kernel, draw.kept).T
        thin, across = sample.summed(few, draw.kept), sample.summed(few).T * draw.share
        current, reference = draw.current, 1.0 - draw.current
        n_current = current @ (draw.share * sizes)
        n_reference = reference @ (draw.share * sizes)
        within = draw.share[:, None] * whole * draw.share
        found.append(
            d.mmd2(
                _form(reference, within, reference) / n_reference**2,
                _form(current, thin, current) / n_current**2,
                _form(current, across, reference) / (n_current * n_reference),
            )
        )
    return np.concatenate(found)


def _form(left: Floats, kernel: Floats, right: Floats) -> Floats:
    """Quadratic form of each row."""
    form: Floats = ((left @ kernel) * right).sum(1)
    return form
