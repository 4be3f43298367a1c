"""The watch is watched: which series never moved, which alarms anybody acted on. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from speechsearch.monitoring.book import TEST
from speechsearch.monitoring.series import SERIES
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import Point

LEAST_EVENTS = 100
"""Fewer may well be alike"""
LEAST_FIRED = 3
"""Alarms that nobody acted on, from which a rule is no use as it is"""


def review(
    points: Iterable[Point], alarms: Sequence[Mapping[str, Any]], rules: Sequence[str]
) -> dict[str, Any]:
    """``points`` and ``alarms`` of the time looked at; ``rules`` are those that are judged."""
    wholes: dict[str, Summary] = {}
    for point in points:
        wholes.setdefault(point.series, Summary()).merge(point.summary)
    fired: dict[str, list[Mapping[str, Any]]] = {rule: [] for rule in rules}
    for alarm in alarms:
        if alarm["rule"] != TEST:
            fired.setdefault(alarm["rule"], []).append(alarm)
    return {
        "series": [
            {
                "name": one.name, "stage": one.stage, "words": one.words, "unit": one.unit,
                **_moved(wholes.get(one.name, Summary())),
            }
            for one in SERIES
        ],
        "alarms": [{"rule": rule, **_acted(raised)} for rule, raised in fired.items()],
    }  # fmt: skip


def _moved(whole: Summary) -> dict[str, Any]:
    state = "moved"
    if not whole.count:
        state = "never measured"
    elif whole.low == whole.high:
        state = "never moved" if whole.count >= LEAST_EVENTS else "too few to tell"
    known = whole.count > 0
    return {
        "count": whole.count, "state": state,
        "low": whole.low if known else None, "high": whole.high if known else None,
    }  # fmt: skip


def _acted(raised: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts, and what to make of them."""
    acknowledged = sum(bool(one["acknowledged_by"]) for one in raised)
    over = [one["cleared_s"] - one["raised_s"] for one in raised if one["cleared_s"] is not None]
    verdict = f"acted on {acknowledged} of {len(raised)}"
    if not raised:
        verdict = "never fired"
    elif not acknowledged:
        idle = len(raised) >= LEAST_FIRED
        verdict = "nobody acted: widen it or let it go" if idle else "nobody has acted yet"
    return {
        "fired": len(raised),
        "alerts": sum(one["severity"] == "alert" for one in raised),
        "acknowledged": acknowledged,
        "silenced": sum(bool(one["silenced"]) for one in raised),
        "median_s": statistics.median(over) if over else None,
        "newest_s": max((one["raised_s"] for one in raised), default=None),
        "verdict": verdict,
    }
