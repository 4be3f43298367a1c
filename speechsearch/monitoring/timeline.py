"""The past as points on two scales, minutes and hours. Pure: what is kept where, how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from speechsearch.monitoring.summary import Summary

MINUTE_S = 60
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Point:
    """One series over one step that begins at ``at_s`` (seconds since 1970)."""

    series: str
    at_s: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class Tier:
    """A scale and how long it is kept."""

    step_s: int
    kept_s: int


TIERS = (Tier(MINUTE_S, 2 * 24 * HOUR_S), Tier(HOUR_S, 90 * 24 * HOUR_S))
"""Finest first. With 45 series busy all day that is 130,000 and 97,000 rows: 60 MB at the most"""


def floor_s(at_s: float, step_s: int) -> int:
    """Where the step that holds an instant begins."""
    return int(at_s // step_s) * step_s


def rolled(points: Iterable[Point], step_s: int) -> list[Point]:
    """The same values on a coarser scale, by series and time."""
    coarse: dict[tuple[str, int], Summary] = {}
    for point in points:
        key = (point.series, floor_s(point.at_s, step_s))
        coarse.setdefault(key, Summary()).merge(point.summary)
    return [Point(series, at_s, summary) for (series, at_s), summary in sorted(
        coarse.items(), key=lambda item: item[0]
    )]  # fmt: skip


def tier_for(since_s: float, now_s: float, most_points: int = 400) -> tuple[Tier, int]:
    """Which tier still reaches back so far, and the step that makes at most so many points."""
    span_s = max(1.0, now_s - since_s)
    tier = next((tier for tier in TIERS if span_s <= tier.kept_s), TIERS[-1])
    steps = -(-span_s // (tier.step_s * most_points))
    return tier, int(max(1, steps)) * tier.step_s


class Recorder:
    """The newest minutes in memory: values in, points out."""

    def __init__(self, kept_s: int = 2 * HOUR_S) -> None:
        self._kept_s = kept_s
        self._minutes: dict[int, dict[str, Summary]] = {}
        self._changed: set[tuple[int, str]] = set()

    def add(self, series: str, value: float, now_s: float) -> None:
        """A value, now."""
        at_s = floor_s(now_s, MINUTE_S)
        self._minutes.setdefault(at_s, {}).setdefault(series, Summary()).add(value)
        self._changed.add((at_s, series))

    def restore(self, points: Iterable[Point]) -> None:
        """Go on from minutes that were recorded before a restart."""
        for point in points:
            minute = self._minutes.setdefault(point.at_s, {})
            minute.setdefault(point.series, Summary()).merge(point.summary)

    def changed(self) -> list[Point]:
        """The minutes that grew since the last call."""
        grown, self._changed = sorted(self._changed), set()
        return [
            Point(series, at_s, self._minutes[at_s][series])
            for at_s, series in grown
            if at_s in self._minutes
        ]

    def forget(self, now_s: float) -> None:
        """Let go of what is in the history only; call after ``changed`` was written."""
        for at_s in [one for one in self._minutes if one < now_s - self._kept_s]:
            del self._minutes[at_s]

    def window(self, series: str, span_s: float, now_s: float) -> Summary:
        """All of the newest ``span_s`` seconds, whole minutes, as far back as memory goes."""
        found = Summary()
        for at_s, minute in self._minutes.items():
            if now_s - span_s - MINUTE_S < at_s <= now_s and series in minute:
                found.merge(minute[series])
        return found

    def points(self, since_s: float) -> Iterator[Point]:
        """What is in memory from an instant on."""
        for at_s in sorted(self._minutes):
            if at_s >= floor_s(since_s, MINUTE_S):
                for series, summary in self._minutes[at_s].items():
                    yield Point(series, at_s, summary)
