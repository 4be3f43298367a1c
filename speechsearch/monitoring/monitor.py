"""Drift from a stream of observations: windows against the reference, sudden change, alarms.

    observation ─► windows of 100, 150 and 500, every 10 ─────────┐
                ├► after a new version: sessions before and since ┼─► hysteresis ─► cause ─► alarm
                └► Page-Hinkley, each one ────────────────────────┘

    reference = ReferenceProfile.of(first_thousand)  # frozen with the model: .save(), .load()
    monitor = Monitor(reference)
    for alarm in monitor.update(observe(passed, session, versions, info, known_words)):
        print(alarm.severity, alarm.metric, alarm.stage, alarm.cause, alarm.runbook)

Pure: no clock, no files, no threads. An observation whose outcome (redone, clicked) is awaited is
handed in once that is known. A look at the windows takes up to 120 ms of CPU: not in an event loop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from speechsearch.errors import ConfigError
from speechsearch.monitoring.alarms import Alarm, AlarmOptions, Hysteresis, Severity
from speechsearch.monitoring.alone import Alone
from speechsearch.monitoring.cause import (
    CHANGED_AT,
    History,
    VersionChange,
    attribute,
    newest_above,
)
from speechsearch.monitoring.distances import Floats, Ints
from speechsearch.monitoring.observation import METRICS, STAGES, Observation, Versions
from speechsearch.monitoring.permutation import PermutationOptions, WindowTest
from speechsearch.monitoring.reference import ReferenceProfile
from speechsearch.monitoring.since import SinceOptions, since_p
from speechsearch.monitoring.sudden import PageHinkley, threshold

MOST_DEVIATIONS = 4.0
"""A value further out counts as this far: one odd utterance is no change"""
LEAST_DEVIATION = 0.02
"""Share of its greatest size, or in 0..1, by which a constant is taken to vary"""


@dataclass(frozen=True, slots=True)
class MonitorOptions:
    """What is watched how often."""

    windows: tuple[int, ...] = (100, 150, 500)
    """The newest utterances; windows within one another hardly err apart, so that the least p of
    them counts as it is: ``bench_drift --part nothing`` says how often all of it errs"""
    every: int = 10
    """Utterances between two looks at the windows"""
    false_alarms: float = 0.02
    """Share of streams of 1000 utterances in which Page-Hinkley may fire without a change"""
    test: PermutationOptions = field(default_factory=PermutationOptions)
    since: SinceOptions = field(default_factory=SinceOptions)
    alarms: AlarmOptions = field(default_factory=AlarmOptions)

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not self.windows or min(self.windows) < 20 or self.every < 1:
            raise ConfigError("windows must hold 20 utterances at least, and every be 1 or more")


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What is kept of an observation."""

    values: Floats
    pooled: tuple[float, ...]
    session: str


class Monitor:
    """One ``update`` an observation, in order; its alarms as they are raised."""

    def __init__(
        self,
        reference: ReferenceProfile,
        options: MonitorOptions | None = None,
        alone: Alone | None = None,
    ) -> None:
        """``alone`` is told what each detector finds by itself."""
        self._options = options = options or MonitorOptions()
        self._alone = alone
        self._test = WindowTest(reference, options.test)
        self._means = np.array([_mean(column) for column in reference.values.T])
        self._scales = np.array([_scale(column) for column in reference.values.T])
        limit = threshold(
            self._standard(reference.values), reference.sessions, false_alarms=options.false_alarms
        )
        self._hinkley = [PageHinkley(threshold=limit) for _ in METRICS]
        self._recent: deque[_Row] = deque(maxlen=2 * max(options.windows))
        self._states: dict[str, Hysteresis] = {}
        self._moved: dict[str, int] = {}
        self._changes: list[VersionChange] = []
        self._known: dict[str, VersionChange] = {}
        """Which change a metric was seen to follow, in the sessions that were there before it"""
        self._versions: Versions = reference.versions
        self.count = 0
        """Observations taken in"""

    def update(self, observation: Observation) -> list[Alarm]:
        """Take it in; what is raised at it."""
        for what in observation.versions.changed(self._versions):
            old, new = getattr(self._versions, what), getattr(observation.versions, what)
            self._changes.append(VersionChange(self.count, what, old, new))
        self._versions = observation.versions
        row = _Row(observation.values(), observation.pooled, observation.session)
        self._recent.append(row)
        self.count += 1
        raised = self._sudden(row.values)
        if self.count % self._options.every == 0:
            raised |= self._windows()
        return [self._alarm(metric, severity) for metric, severity in raised.items()]

    @property
    def calm(self) -> frozenset[str]:
        """Metrics that the newest looks find as the reference has them: their alarms are over."""
        return frozenset(name for name, state in self._states.items() if state.is_calm)

    def _sudden(self, values: Floats) -> dict[str, Severity]:
        raised: dict[str, Severity] = {}
        standard = self._standard(values[None, :])[0]
        for n, metric in enumerate(METRICS):
            place = float(standard[n])
            if self._hinkley[n].update(place):
                raised[metric.name] = "alert"
                if self._alone:
                    self._alone.fired(self.count, metric.name)
        new = {name: severity for name, severity in raised.items() if self._rises(name, severity)}
        for name in raised:
            self._moved.setdefault(name, self.count)
        return new

    def _rises(self, metric: str, severity: Severity) -> bool:
        """Put it in force unless it is, or worse is."""
        state = self._state(metric)
        if state.severity in ("alert", severity):
            return False
        state.put_in_force(severity)
        return True

    def _windows(self) -> dict[str, Severity]:
        """By windows against the reference, and by sessions before and since a change."""
        looked, since = self._against_reference(), self._since()
        looked |= {(metric, "since"): p for metric, p in since.items()}
        if self._alone:
            self._alone.look(self.count, looked)
        for metric, p in since.items():
            if p <= self._options.alarms.warning_p and (
                known := newest_above(metric, self._newest_changes())
            ):
                self._known[metric] = known
        least: dict[str, float] = {}
        for (metric, _), p in looked.items():
            least[metric] = min(p, least.get(metric, 1.0))
        raised: dict[str, Severity] = {}
        for metric, p in least.items():
            if p <= self._options.alarms.warning_p:
                self._moved.setdefault(metric, self.count)
            state = self._state(metric)
            severity = state.check(p)
            if severity:
                raised[metric] = severity
            elif p > self._options.alarms.clear_p and state.severity is None:
                self._moved.pop(metric, None)
                self._known.pop(metric, None)
        return raised

    def _against_reference(self) -> dict[tuple[str, str], float]:
        """The least p of each metric and detector in any window that is full."""
        least: dict[tuple[str, str], float] = {}
        for size in (one for one in self._options.windows if self.count >= one):
            window = list(self._recent)[-size:]
            for found in self._test.compare(
                np.array([one.values for one in window]),
                np.array([one.pooled for one in window], np.float64),
                _numbered(window),
            ):
                name = found.metric, found.detector
                least[name] = min(found.p, least.get(name, 1.0))
        return least

    def _since(self) -> dict[str, float]:
        """p of each metric from the stage of the newest change on; empty where none is new."""
        newest = self._newest_changes()
        if not newest or self.count - newest[0].at > self._options.since.horizon:
            return {}
        earlier = max((one.at for one in self._changes if one.at < newest[0].at), default=0)
        rows = list(self._recent)[-(self.count - earlier) :]
        after = np.arange(len(rows)) >= len(rows) - (self.count - newest[0].at)
        first = STAGES.index(CHANGED_AT[newest[0].what])
        below = [n for n, one in enumerate(METRICS) if STAGES.index(one.stage) >= first]
        values = np.array([one.values for one in rows])[:, below]
        metrics = [METRICS[n] for n in below]
        return since_p(values, _numbered(rows), after, metrics, self._options.since)

    def _newest_changes(self) -> list[VersionChange]:
        """Those that came last, at one utterance, in the order of the path."""
        return [one for one in self._changes if one.at == self._changes[-1].at]

    def _state(self, metric: str) -> Hysteresis:
        return self._states.setdefault(metric, Hysteresis(self._options.alarms))

    def _alarm(self, metric: str, severity: Severity) -> Alarm:
        moved = {metric: self.count, **self._moved}
        history = History(self._means, np.array([one.values for one in self._recent]), self.count)
        cause = attribute(metric, moved, self._changes, history, self._known.get(metric))
        return Alarm(self.count, metric, cause.stage, cause.words, severity)

    def _standard(self, values: Floats) -> Floats:
        """In deviations from the reference's mean; 0 where there is no value."""
        places = (values - self._means) / self._scales
        standard: Floats = np.clip(np.nan_to_num(places), -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return standard


def _numbered(rows: list[_Row]) -> Ints:
    """Their sessions, from 0."""
    return np.unique([one.session for one in rows], return_inverse=True)[1].astype(np.int64)


def _mean(column: Floats) -> float:
    known = column[np.isfinite(column)]
    return float(known.mean()) if len(known) else 0.0


def _scale(column: Floats) -> float:
    known = column[np.isfinite(column)]
    if not len(known):
        return 1.0
    least = LEAST_DEVIATION * max(1.0, float(np.abs(known).max()))
    return max(float(known.std()), least)
