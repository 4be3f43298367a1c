"""Everything the dashboard shows, as one JSON object."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from speechsearch.monitoring.book import body_of
from speechsearch.monitoring.rules import statistic
from speechsearch.monitoring.series import BUDGET, PATH, SERIES, Series
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import Point
from speechsearch.monitoring.watch import Watch

STAGE_WORDS = {
    "capture": "microphone", "vad": "speech detector", "wire": "connection",
    "asr": "recognition", "search": "search", "outcome": "the person",
}  # fmt: skip
MOST_SPAN_S = 90 * 24 * 3600
MOST_ALARMS = 50


def snapshot(watch: Watch, span_s: float) -> dict[str, Any]:
    """The newest ``span_s`` seconds; call with the watch's lock held."""
    now_s = watch.now_s()
    watch.flush()
    points: dict[str, list[Point]] = {}
    for point in watch.history.read(now_s - span_s, now_s):
        points.setdefault(point.series, []).append(point)
    wholes = {name: _whole(some) for name, some in points.items()}
    in_force = [body_of(entry) for entry in watch.book.in_force.values()]
    bands = {one["name"]: one for one in watch.drift.state()["features"]}
    return {
        "now_s": now_s,
        "span_s": span_s,
        "budget_ms": watch.options.slo.budget_ms,
        "objective": watch.options.slo.objective,
        "versions": asdict(watch.witness.versions),
        "stages": [_stage(name, in_force, wholes) for name in PATH],
        "budget": _budget(wholes),
        "series": [_series(one, points.get(one.name, []), wholes, bands) for one in SERIES],
        "drift": watch.drift.state(),
        "alarms": {
            "in_force": in_force,
            "past": watch.history.notes("alarm", MOST_ALARMS),
            "silences": watch.book.silences,
            "failed_sinks": watch.teller.failed,
        },
        "thresholds": watch.options.rows,
        "utterances": list(watch.witness.newest.utterances)[:-51:-1],
        "dropped": watch.dropped,
    }


def _whole(points: list[Point]) -> Summary:
    whole = Summary()
    for point in points:
        whole.merge(point.summary)
    return whole


def _stage(name: str, in_force: list[dict[str, Any]], wholes: dict[str, Summary]) -> dict[str, Any]:
    """Health: that of its worst alarm; ``quiet`` where nothing was measured."""
    severities = {one["severity"] for one in in_force if one["stage"] == name}
    measured = sum(wholes[one.name].count for one in SERIES if _of(one, name, wholes))
    state = "alert" if "alert" in severities else "warning" if severities else "ok"
    return {
        "name": name,
        "words": STAGE_WORDS[name],
        "state": state if severities or measured else "quiet",
        "events": measured,
    }


def _of(one: Series, stage: str, wholes: dict[str, Summary]) -> bool:
    return one.stage == stage and one.name in wholes


def _budget(wholes: dict[str, Summary]) -> list[dict[str, Any]]:
    """Who eats the time from t0 to t3: means add up, 95th percentiles do not."""
    return [
        {
            "name": name,
            "mean_ms": _number(wholes.get(name, Summary()).mean),
            "p95_ms": _number(wholes.get(name, Summary()).quantile(0.95)),
            "count": wholes.get(name, Summary()).count,
        }
        for name in (*BUDGET, "queue_ms", "decode_ms", "hypothesis_ms", "search_ms", "all_ms")
    ]


def _series(
    one: Series, points: list[Point], wholes: dict[str, Summary], bands: dict[str, Any]
) -> dict[str, Any]:
    band = bands.get(one.name, {})
    share = one.statistic == "share"  # single utterances are 0 or 1: their band says nothing
    return {
        "name": one.name,
        "stage": one.stage,
        "kind": one.kind,
        "words": one.words,
        "unit": one.unit,
        "statistic": one.statistic,
        "low": one.low if share or band.get("low") is None else band["low"],
        "high": one.high if share or band.get("high") is None else band["high"],
        "now": _number(statistic(one.name, wholes[one.name])) if one.name in wholes else None,
        "count": wholes[one.name].count if one.name in wholes else 0,
        "points": [
            [point.at_s, _number(statistic(one.name, point.summary)), point.summary.count]
            for point in points
        ],
    }


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
