"""New thresholds from history: where limits would lie so that ordinary traffic seldom crosses them.

A threshold judges means over windows, so windows of history are what it is proposed from: their
median, and their spread on the bad side, from the median to the 90th percentile as a normal
distribution would have it. Up to a tenth of the windows may be incidents and move neither (Huber
and Ronchetti 2009, "Robust Statistics"); windows under an alarm that somebody acknowledged are left
out altogether. Quantiles so far out that they are met once a month no history holds, hence the
normal tail; what the limits would have done to the history itself is replayed and said. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from speechsearch.errors import ConfigError
from speechsearch.monitoring.book import Book
from speechsearch.monitoring.rules import Check, Threshold
from speechsearch.monitoring.series import BY_NAME, Series
from speechsearch.monitoring.timeline import HOUR_S, MINUTE_S, Point

Floats = npt.NDArray[np.float64]
MONTH_S = 30 * 24 * 3600
LEAST_WINDOWS = 24
"""Fewer say nothing of what is usual: half a day of half hours"""
OF_THE_MACHINE = frozenset({"cpu_share", "memory_mb"})
"""Limits of what it bears, not of what is usual: more people who speak are no fault"""
BAD_SHARE = 0.9
CLEAR = 0.95
"""An alarm is over at what so many ordinary windows stay within"""
SPREAD_ERROR = 1.25
"""Standard error of the spread, in spreads, times the root of the windows: of a normal sample"""
LEAST_DEVIATION = 0.02
"""Of the median: traffic that hardly moved at all may move so much"""
LEAST_DEVIATION_DB = 1.0
FALSE_WARNINGS, FALSE_ALERTS = 1.0, 0.1


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How often a rule may cry without reason."""

    warnings: float = FALSE_WARNINGS
    """False warnings of a rule in 30 days of traffic"""
    alerts: float = FALSE_ALERTS

    def __post_init__(self) -> None:
        if not 0 < self.alerts <= self.warnings <= 100:
            raise ConfigError(
                "false alerts may be as frequent as false warnings at the most, and these 100 in "
                "30 days"
            )


@dataclass(frozen=True, slots=True)
class Fired:
    """What limits would have done to the history."""

    warnings: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """One rule's limits, as they are and as history has them."""

    rule: str
    now: Threshold
    new: Threshold | None
    """None: see ``why``"""
    why: str
    windows: int
    fired_now: Fired
    fired_new: Fired


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What a threshold looked at, or would have; all float64 [windows]."""

    ends_s: Floats
    means: Floats
    counts: Floats

    def __len__(self) -> int:
        return len(self.means)

    def of(self, wanted: npt.NDArray[np.bool_]) -> Windows:
        """Some of them."""
        return Windows(self.ends_s[wanted], self.means[wanted], self.counts[wanted])


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """One series in steps of equal length: what was measured in each, nothing where it was not."""

    step_s: int
    at_s: Floats
    """[steps] where each begins, without gaps"""
    counts: Floats
    totals: Floats

    @classmethod
    def of(cls, points: Sequence[Point], step_s: int) -> Steps | None:
        """None of none."""
        if not points:
            return None
        first, last = points[0].at_s, points[-1].at_s
        at_s = np.arange(first, last + step_s, step_s, dtype=np.float64)
        counts, totals = np.zeros(len(at_s)), np.zeros(len(at_s))
        for point in points:
            place = (point.at_s - first) // step_s
            counts[place] += point.summary.count
            totals[place] += point.summary.total
        return cls(step_s, at_s, counts, totals)

    def windows(self, threshold: Threshold, *, apart: bool) -> Windows:
        """Those with events enough; ``apart``: that have no step in common."""
        size = max(1, round(threshold.window_s / self.step_s))
        counts, totals = _sums(self.counts, size), _sums(self.totals, size)
        places = np.arange(size - 1, len(counts), size) if apart else np.arange(len(counts))
        places = places[counts[places] >= threshold.least]
        means = totals[places] / counts[places]
        return Windows(self.at_s[places] + self.step_s, means, counts[places])


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A history as tuning reads it."""

    minutes: Mapping[str, Sequence[Point]]
    """By series, in order"""
    hours: Mapping[str, Sequence[Point]]
    """Of the time before the minutes"""
    incidents: Sequence[Mapping[str, Any]] = ()
    """Alarms that somebody acknowledged"""

    def steps(self, series: str) -> list[Steps]:
        """Finest last."""
        both = ((self.hours, HOUR_S), (self.minutes, MINUTE_S))
        found = [Steps.of(points.get(series, ()), step_s) for points, step_s in both]
        return [one for one in found if one]


def propose(
    past: Past, thresholds: Mapping[str, Threshold], options: TuningOptions, agree: int = 2
) -> list[Proposal]:
    """One for each threshold; ``agree`` as the server's."""
    return [
        _propose(past, name, threshold, options, agree) for name, threshold in thresholds.items()
    ]


def _propose(past: Past, name: str, now: Threshold, options: TuningOptions, agree: int) -> Proposal:
    steps = past.steps(name)
    groups = [_usual(past, name, one, now) for one in steps]
    windows = sum(len(one) for one in groups)
    enough = [one for one in groups if len(one) >= LEAST_WINDOWS]
    fired_now = _fired(steps, name, now, agree)
    if name in OF_THE_MACHINE:
        why = "what the machine bears: history says nothing of it"
        return Proposal(name, now, None, why, windows, fired_now, fired_now)
    if not enough:
        why = f"{windows} windows of {now.least} events or more: {LEAST_WINDOWS} are wanted"
        return Proposal(name, now, None, why, windows, fired_now, fired_now)
    new = _limits(BY_NAME[name], now, enough, options)
    why = f"median {_median(enough):.4g} of {windows} windows"
    return Proposal(name, now, new, why, windows, fired_now, _fired(steps, name, new, agree))


def _usual(past: Past, name: str, steps: Steps, threshold: Threshold) -> Windows:
    """Windows apart from one another, without those of incidents."""
    windows = steps.windows(threshold, apart=True)
    span_s, ends_s = max(threshold.window_s, steps.step_s), windows.ends_s
    usual = np.ones(len(windows), bool)
    for one in past.incidents:
        if one["metric"] == name:
            over_s = one["cleared_s"] if one["cleared_s"] is not None else np.inf
            usual &= (ends_s <= one["raised_s"] - span_s) | (ends_s - span_s >= over_s)
    return windows.of(usual)


def _limits(
    about: Series, now: Threshold, groups: Sequence[Windows], options: TuningOptions
) -> Threshold:
    sign = 1 if now.side == "above" else -1
    centre = sign * _median(groups)
    least = LEAST_DEVIATION_DB if about.unit.startswith("dB") else LEAST_DEVIATION * abs(centre)
    noise, skew = _chance(about, groups)
    spread = max(noise, least, *(_spread(sign * one.means) for one in groups))
    limits = [
        sign * (centre + spread * _skewed(z, max(0.0, sign * skew)))
        for z in (
            _seldom(options.alerts * now.window_s / MONTH_S),
            _seldom(options.warnings * now.window_s / MONTH_S),
            NormalDist().inv_cdf(CLEAR),
        )
    ]
    if about.unit == "%":
        limits = [min(1.0, max(0.0, one)) for one in limits]
    alert, warning, clear = (_rounded(one) for one in limits)
    return replace(now, alert=alert, warning=warning, clear=clear)


def _spread(means: Floats) -> float:
    """A standard deviation by the bad side, one standard error added: it is of few windows."""
    found = (np.quantile(means, BAD_SHARE) - np.median(means)) / NormalDist().inv_cdf(BAD_SHARE)
    return float(found * (1 + SPREAD_ERROR / np.sqrt(len(means))))


def _chance(about: Series, groups: Sequence[Windows]) -> tuple[float, float]:
    """Deviation and skewness of a share of few events where nothing else varies (Laplace's rule);
    none of other numbers.
    """
    if about.statistic != "share":
        return 0.0, 0.0
    counts = np.concatenate([one.counts for one in groups])
    share = (_median(groups) * counts.sum() + 1) / (counts.sum() + 2)
    few, variance = np.quantile(counts, 1 - BAD_SHARE), share * (1 - share)
    return float(np.sqrt(variance / few)), float((1 - 2 * share) / np.sqrt(few * variance))


def _seldom(rate: float) -> float:
    """The height, in deviations, that a mean over a sliding window crosses ``rate`` times a window.

    It crosses b at a rate of b phi(b), some ten times what windows apart from one another would:
    Aldous 1989, "Probability Approximations via the Poisson Clumping Heuristic", on Slepian's
    process.
    """
    low, high = 1.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        crossed = middle * NormalDist().pdf(middle)
        low, high = (middle, high) if crossed > rate else (low, middle)
    return high


def _skewed(z: float, skew: float) -> float:
    """A quantile of a skewed distribution: Cornish and Fisher 1938, to the first order."""
    return z + (z * z - 1) / 6 * skew


def _median(groups: Sequence[Windows]) -> float:
    return float(np.median(np.concatenate([one.means for one in groups])))


def _fired(steps: Sequence[Steps], name: str, threshold: Threshold, agree: int) -> Fired:
    """Raised by the very book that the server keeps, a look at each step."""
    warnings = alerts = 0
    for one in steps:
        book = Book(agree)
        windows = one.windows(threshold, apart=False)
        for at_s, mean in zip(windows.ends_s, windows.means, strict=True):
            value = float(mean)
            check = Check(name, name, threshold.severity(value), threshold.is_clear(value), "")
            before = book.in_force.get(name)
            entry = book.check(check, BY_NAME[name].stage, float(at_s))
            if entry and entry.cleared_s is None:
                alerts += entry.severity == "alert"
                warnings += before is None and entry.severity == "warning"
    return Fired(warnings, alerts)


def _sums(values: Floats, size: int) -> Floats:
    """Of the newest ``size`` up to each."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    until = np.arange(1, len(sums))
    return np.asarray(sums[until] - sums[np.maximum(until - size, 0)], np.float64)


def _rounded(limit: float) -> float:
    return float(f"{limit:.3g}")
