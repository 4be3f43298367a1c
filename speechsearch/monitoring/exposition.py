"""The series of live traffic as Prometheus metrics; labels are versions, never a user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    Summary,
)

from speechsearch.monitoring.series import BUCKETS_S, BY_NAME, SERIES, Series

LABELS = ("model", "arm", "vad")
KNOWN_VAD = re.compile(r"(silero|webrtc|client):[0-9.:]{1,8}")
"""What a client may call its detector in a label; anything else is ``other``"""


@dataclass(frozen=True, slots=True)
class Labels:
    """Which versions a value is of."""

    model: str
    arm: str
    vad: str


class Exposition:
    """One metric for each series: a histogram of times, a counter of totals, sum and count else."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = {one.name: _metric(one, registry) for one in SERIES}
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def add(self, name: str, value: float, labels: Labels) -> None:
        """A value of a series, in the series' unit."""
        metric = self._metrics[name].labels(labels.model, labels.arm, vad_label(labels.vad))
        scaled = BY_NAME[name].based(value)
        if isinstance(metric, Counter):
            metric.inc(scaled)
        else:
            metric.observe(scaled)


@lru_cache(maxsize=256)
def vad_label(vad: str) -> str:
    """A detector's name as far as it is one of ours."""
    if not vad:
        return "unknown"
    return vad if KNOWN_VAD.fullmatch(vad) else "other"


def _metric(series: Series, registry: CollectorRegistry) -> Histogram | Counter | Summary:
    about = f"{series.words} ({series.kind}, stage {series.stage})"
    if series.statistic == "p95":
        return Histogram(series.exported, about, LABELS, buckets=BUCKETS_S, registry=registry)
    if series.statistic == "total":
        return Counter(series.exported, about, LABELS, registry=registry)
    return Summary(series.exported, about, LABELS, registry=registry)
