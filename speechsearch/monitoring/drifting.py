"""Drift of live traffic: a reference is frozen with each model version, then compared with.

Until enough traffic of enough sessions was seen there is no reference, and nothing can drift.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from speechsearch.errors import ConfigError
from speechsearch.monitoring import distances as d
from speechsearch.monitoring.alarms import Alarm
from speechsearch.monitoring.monitor import Monitor, MonitorOptions
from speechsearch.monitoring.observation import METRICS, Observation
from speechsearch.monitoring.permutation import PermutationOptions
from speechsearch.monitoring.reference import LEAST_SESSIONS, ReferenceProfile

log = logging.getLogger("speechsearch.monitoring")
WINDOW = 100
"""Newest utterances whose distance from the reference is shown"""


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """When a reference is frozen, and how often windows are looked at."""

    freeze: int = 1000
    """Utterances"""
    sessions: int = 20
    """They come from so many at least"""
    every: int = 50
    """Utterances between two looks: each takes 60 to 120 ms of CPU"""
    permutations: int = 400

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.freeze < WINDOW or self.sessions < LEAST_SESSIONS or self.every < 1:
            raise ConfigError(
                f"a reference takes {WINDOW} utterances of {LEAST_SESSIONS} sessions or more"
            )


class Drift:
    """``update`` with each observation of one model; ``folder`` None keeps no reference."""

    def __init__(self, folder: Path | None, model: str, options: DriftOptions | None = None):
        self._options = options or DriftOptions()
        name = re.sub(r"[^A-Za-z0-9.@-]", "_", model)
        self._path = folder / f"reference-{name}.npz" if folder else None
        self._collected: list[Observation] = []
        self._recent: deque[Observation] = deque(maxlen=WINDOW)
        self._monitor: Monitor | None = None
        self.reference: ReferenceProfile | None = None
        if self._path and self._path.exists():
            self._take_up(self._path)

    def update(self, observation: Observation) -> list[Alarm]:
        """What is raised at it; nothing while the reference is collected."""
        self._recent.append(observation)
        if self._monitor:
            return self._monitor.update(observation)
        self._collected.append(observation)
        sessions = len({one.session for one in self._collected})
        if len(self._collected) >= self._options.freeze and sessions >= self._options.sessions:
            frozen = ReferenceProfile.of(self._collected)
            if self._path:
                frozen.save(self._path)
            self._compare_with(frozen)
            self._collected.clear()
        elif len(self._collected) >= 4 * self._options.freeze:
            del self._collected[: self._options.freeze]  # few people speak much: the newest count
        return []

    @property
    def calm(self) -> frozenset[str]:
        """Metrics whose alarms are over."""
        return self._monitor.calm if self._monitor else frozenset()

    def state(self) -> dict[str, Any]:
        """For the dashboard: how far each feature lies from the reference."""
        if self.reference is None:
            return {
                "frozen": False,
                "collected": len(self._collected),
                "wanted": self._options.freeze,
                "features": [],
            }
        now = np.array([one.values() for one in self._recent]).reshape(-1, len(METRICS))
        features = [
            {"name": metric.name, "stage": metric.stage, "words": metric.words,
             "unit": metric.unit, **_distance(before, current)}
            for metric, before, current in zip(METRICS, self.reference.values.T, now.T, strict=True)
        ]  # fmt: skip
        return {
            "frozen": True, "utterances": len(self.reference.values),
            "window": len(self._recent), "features": features,
        }  # fmt: skip

    def _take_up(self, path: Path) -> None:
        """One of other metrics, or damaged, is put aside: a new one is collected."""
        try:
            self._compare_with(ReferenceProfile.load(path))
        except ConfigError as error:
            log.warning("a new reference is collected: %s", error)
            path.rename(path.with_suffix(".old"))

    def _compare_with(self, reference: ReferenceProfile) -> None:
        self.reference = reference
        test = PermutationOptions(permutations=self._options.permutations)
        self._monitor = Monitor(reference, MonitorOptions(every=self._options.every, test=test))


def _distance(before: d.Floats, current: d.Floats) -> dict[str, float | None]:
    """Means, the band in which four fifths of the reference lie, Kolmogorov-Smirnov distance."""
    before, current = before[np.isfinite(before)], current[np.isfinite(current)]
    if not len(before):
        return {"reference": None, "low": None, "high": None, "now": None, "ks": None}
    low, high = np.quantile(before, [0.1, 0.9])
    found: dict[str, float | None] = {
        "reference": float(before.mean()), "low": float(low), "high": float(high),
        "now": None, "ks": None,
    }  # fmt: skip
    if len(current):
        values = np.unique(np.concatenate([before, current]))
        counts = [
            np.bincount(np.searchsorted(values, one), minlength=len(values)).astype(np.float64)
            for one in (before, current)
        ]
        found |= {"now": float(current.mean()), "ks": float(d.ks(counts[0], counts[1]))}
    return found
