"""What each detector would have raised alone: told beside a monitor, to calibrate by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speechsearch.monitoring.alarms import AlarmOptions, Hysteresis, Severity

DETECTORS: Mapping[str, str] = {
    "psi": "population stability index",
    "ks": "Kolmogorov-Smirnov",
    "ranks": "rank shift",
    "mmd": "kernel two-sample test of the sound",
    "page-hinkley": "sudden change",
    "since": "the same sessions before and since a new version",
}
"""Name and what it is, as they are shown"""
Looked = Mapping[tuple[str, str], float]
"""Metric and detector: p, over the family of all of them"""


@dataclass(frozen=True, slots=True)
class Found:
    """One detector by itself found that a metric has changed."""

    at: int
    """Utterances taken in before"""
    detector: str
    metric: str
    severity: Severity


class Alone:
    """Hysteresis for each metric and detector by itself; ``found`` in order."""

    def __init__(self, options: AlarmOptions | None = None) -> None:
        self._options = options or AlarmOptions()
        self._states: dict[tuple[str, str], Hysteresis] = {}
        self.found: list[Found] = []

    def look(self, at: int, looked: Looked) -> None:
        """Take in what all detectors that look at windows found at a moment."""
        for (metric, detector), p in looked.items():
            state = self._states.setdefault((metric, detector), Hysteresis(self._options))
            if severity := state.check(p):
                self.found.append(Found(at, detector, metric, severity))

    def fired(self, at: int, metric: str) -> None:
        """Page-Hinkley, which has no p, says that the metric changed."""
        self.found.append(Found(at, "page-hinkley", metric, "alert"))
