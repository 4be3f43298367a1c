"""Why a metric moved: what changed before it, or what moved first further up the path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speechsearch.monitoring.distances import Floats
from speechsearch.monitoring.observation import BY_NAME, METRICS, STAGES

CHANGED_AT: Mapping[str, str] = {
    "microphone": "capture",
    "client": "capture",
    "vad": "vad",
    "model": "asr",
    "catalogue": "search",
}
"""The stage that a version belongs to"""
COLUMN = {metric.name: n for n, metric in enumerate(METRICS)}
FAILURES = ("null_transcript", "zero_results")
"""What a change further up may bring about; its alarm says so"""
EXPLAINS = 0.5
"""A change explains a metric that moved, since then, by this share of its way from the reference"""


@dataclass(frozen=True, slots=True)
class VersionChange:
    """At an utterance something else came into force."""

    at: int
    what: str
    old: str
    new: str

    @property
    def words(self) -> str:
        """``VAD silero:0.5 -> webrtc:3 at utterance 412``"""
        name = "VAD" if self.what == "vad" else self.what
        return f"{name} {self.old} -> {self.new} at utterance {self.at}"


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What attribution looks at."""

    reference: Floats
    """Means of METRICS over the reference"""
    values: Floats
    """[utterances, METRICS], the newest last"""
    end: int
    """Utterances taken in so far"""

    def around(self, at: int, metric: str) -> tuple[float, float]:
        """Mean before utterance ``at`` (the reference's where none is known) and since."""
        column = self.values[:, COLUMN[metric]]
        split = max(0, len(column) - (self.end - at))
        before = _mean(column[:split])
        return (before if np.isfinite(before) else float(self.reference[COLUMN[metric]])), _mean(
            column[split:]
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """Where it lies and how to say it."""

    stage: str
    words: str


def attribute(
    metric: str,
    moved: Mapping[str, int],
    changes: Sequence[VersionChange],
    history: History,
    known: VersionChange | None = None,
) -> Cause:
    """``moved``: metrics that have moved too, and since which utterance.

    ``known``: the change after which the same sessions were seen to be other than before.
    """
    if known:
        return Cause(CHANGED_AT[known.what], _because_of(known, metric, moved, history))
    about = BY_NAME[metric]
    for change in reversed(changes):
        stage = CHANGED_AT[change.what]
        if STAGES.index(stage) <= STAGES.index(about.stage) and _explains(change, metric, history):
            return Cause(stage, _because_of(change, metric, moved, history))
    upstream = [
        one
        for one, since in moved.items()
        if STAGES.index(BY_NAME[one].stage) < STAGES.index(about.stage) and since <= moved[metric]
    ]
    shown = _versus_reference(metric, history)
    if upstream:
        first = min(upstream, key=lambda one: (STAGES.index(BY_NAME[one].stage), moved[one]))
        words = _versus_reference(first, history)
        return Cause(BY_NAME[first].stage, f"{words} first; {shown}")
    return Cause(about.stage, f"{shown}; no version changed and nothing upstream moved")


def _explains(change: VersionChange, metric: str, history: History) -> bool:
    if metric not in COLUMN:
        return False
    before, after = history.around(change.at, metric)
    way = abs(after - float(history.reference[COLUMN[metric]]))
    return abs(after - before) >= EXPLAINS * way > 0


def _because_of(
    change: VersionChange, metric: str, moved: Mapping[str, int], history: History
) -> str:
    effect = _said(metric, *history.around(change.at, metric))
    stage = CHANGED_AT[change.what]
    own = [one.name for one in METRICS if one.stage == stage and one.name != metric]
    own.sort(key=lambda one: (one not in moved, -_share(*history.around(change.at, one))))
    if own and BY_NAME[metric].stage != stage:
        first = _said(own[0], *history.around(change.at, own[0]))
        return f"{first} since {change.words}; {effect} after it"
    return f"{effect} since {change.words}{_suffered(change, metric, history)}"


def _suffered(change: VersionChange, metric: str, history: History) -> str:
    """What fails further down the path since then; where nothing does, that it does not."""
    stage = STAGES.index(BY_NAME[metric].stage)
    further = [one for one in FAILURES if STAGES.index(BY_NAME[one].stage) > stage]
    for failure in further:
        before, after = history.around(change.at, failure)
        if after - before >= BY_NAME[failure].least:
            return f"; {_said(failure, before, after)} after it"
    if further and np.isfinite(after := history.around(change.at, further[0])[1]):
        return f"; {BY_NAME[further[0]].words} are {100 * after:.3g} % after it"
    return ""


def newest_above(metric: str, changes: Sequence[VersionChange]) -> VersionChange | None:
    """Of changes in the order of the path, the last one that lies above the metric or with it."""
    stage = STAGES.index(BY_NAME[metric].stage)
    above = [one for one in changes if STAGES.index(CHANGED_AT[one.what]) <= stage]
    return above[-1] if above else None


def _versus_reference(metric: str, history: History) -> str:
    if metric not in COLUMN:
        return f"{BY_NAME[metric].words} left the reference"
    reference = float(history.reference[COLUMN[metric]])
    return _said(metric, reference, _mean(history.values[-100:, COLUMN[metric]]))


def _said(metric: str, before: float, after: float) -> str:
    about = BY_NAME[metric]
    verb = "rose" if after > before else "fell"
    times, unit = (100, " %") if about.unit == "%" else (1, f" {about.unit}".rstrip())
    return f"{about.words} {verb} from {before * times:.3g} to {after * times:.3g}{unit}"


def _share(before: float, after: float) -> float:
    return abs(after - before) / max(abs(before), 1e-6) if np.isfinite(after - before) else 0.0


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
