"""What the observer's thread costs an utterance, apart from all else: CPU, not time on a clock."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from speechsearch.config import load_settings
from speechsearch.monitoring.drifting import DriftOptions
from speechsearch.monitoring.metrics import Metrics
from speechsearch.monitoring.options import MonitoringOptions
from speechsearch.monitoring.seen import Heard
from speechsearch.monitoring.watch import Watch
from speechsearch.monitoring.witness import Facts
from speechsearch.replay.hearing import hear
from speechsearch.server.assemble import load
from speechsearch.types import Audio

STREAMS = 20
EVERY_S = 11.5
"""A stream says something, as 20 speakers of ``bench_capacity`` do: 156 answers in 90 s"""
SESSIONS = 40
WATCHED = 600
"""Utterances that are counted, of each kind"""


def alone(sounds: Sequence[Audio]) -> dict[str, Any]:
    """CPU of the thread for an utterance, before a reference is frozen and after it."""
    heard = _heard(sounds)
    options = DriftOptions()
    now_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        info = heard[0][1]
        facts = Facts(info, lambda: ("catalogue", frozenset[str]()), CollectorRegistry())
        watching = MonitoringOptions(folder=Path(folder), drift=options)
        watch = Watch(facts, watching, clock=lambda: now_s)
        costs = []
        for n in range(options.freeze + 100 + WATCHED):
            now_s = n * EVERY_S / STREAMS
            one = heard[n % len(heard)][0]
            said = Heard(f"session {n % SESSIONS}", n, one, one.parts[-1].result, 100.0)
            began_s = time.thread_time()
            watch.witness.take(said, now_s)
            watch.step()
            costs.append(1000 * (time.thread_time() - began_s))
        drift = watch.drift.state()
        watch.history.close()
    before, after = costs[100 : 100 + WATCHED], costs[-WATCHED:]
    found = {
        "frozen": drift["frozen"],
        "before_a_reference_ms": _mean(before),
        "with_drift_ms": _mean(after),
        "n": WATCHED,
    }
    share = found["with_drift_ms"] / 1000 * STREAMS / EVERY_S
    return {**found, "share_of_a_core_at_20_streams": round(share, 4)}


def _heard(sounds: Sequence[Audio]) -> list[tuple[Any, Any]]:
    settings = load_settings(asr={"second_pass": "off"})
    pipeline = load(settings, Metrics("bench")).pipeline
    passed = [hear(one, pipeline, settings) for one in sounds]
    return [(one, pipeline.model.info) for one in passed if one.parts]


def _mean(costs: Sequence[float]) -> float:
    return round(sum(costs) / len(costs), 2)
