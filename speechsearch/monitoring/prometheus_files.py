"""The standard path beside our own: Prometheus rules, Alertmanager routing, a Grafana dashboard.

Made from the very thresholds and series that the server judges by, so that both say the same. YAML
is written as the JSON that it contains.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from speechsearch.monitoring.alarms import RUNBOOK
from speechsearch.monitoring.book import RUNBOOK_OTHER
from speechsearch.monitoring.rules import BURNS, SloOptions, Threshold, burn_name, span
from speechsearch.monitoring.series import BY_NAME, PATH, SERIES, Series

FOR = "1m"
"""Stands in for two looks in a row"""
JOB_DOWN = 'up{job="speechsearch"} == 0'


def rules_file(thresholds: Mapping[str, Threshold], slo: SloOptions) -> str:
    """``rules.yml``: for ``rule_files`` of Prometheus."""
    groups = [
        {"name": "speechsearch-thresholds", "rules": list(_threshold_rules(thresholds))},
        {"name": "speechsearch-slo", "rules": list(_burn_rules(slo))},
        {"name": "speechsearch-up", "rules": [_down()]},
    ]
    return json.dumps({"groups": groups}, indent=2) + "\n"


def alertmanager_file() -> str:
    """``alertmanager.yml``: alerts at once, warnings gathered; receivers are to be filled in."""
    routing = {
        "route": {
            "receiver": "warnings",
            "group_by": ["stage"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                {"receiver": "alerts", "matchers": ['severity="alert"'], "repeat_interval": "1h"}
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['severity="alert"'],
                "target_matchers": ['severity="warning"'],
                "equal": ["metric"],
            }
        ],
        "receivers": [
            {"name": name, "webhook_configs": [{"url": f"http://localhost:9099/{name}"}]}
            for name in ("alerts", "warnings")
        ],
    }
    return json.dumps(routing, indent=2) + "\n"


def grafana_file() -> str:
    """``grafana.json``: import it; a row for each stage, a panel for each series."""
    panels: list[dict[str, Any]] = []
    y = 0
    for stage in PATH:
        panels.append(_row(stage, len(panels) + 1, y))
        y += 1
        own = [one for one in SERIES if one.stage == stage]
        for place, one in enumerate(own):
            at = {"h": 7, "w": 8, "x": 8 * (place % 3), "y": y + 7 * (place // 3)}
            panels.append(_panel(one, len(panels) + 1, at))
        y += 7 * -(-len(own) // 3)
    dashboard = {
        "title": "speechsearch",
        "uid": "speechsearch",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }
    return json.dumps(dashboard, indent=1) + "\n"


def promql(series: Series, window: str) -> str:
    """The statistic of a series over a window."""
    name = series.exported
    if series.statistic == "p95":
        return f"histogram_quantile(0.95, sum by (le) (rate({name}_bucket[{window}])))"
    if series.statistic == "total":
        return f"sum(increase({name}_total[{window}]))"
    return f"sum(rate({name}_sum[{window}])) / sum(rate({name}_count[{window}]))"


def _threshold_rules(thresholds: Mapping[str, Threshold]) -> Iterable[dict[str, Any]]:
    for name, one in thresholds.items():
        series, window = BY_NAME[name], span(one.window_s)
        sign = ">=" if one.side == "above" else "<="
        for severity, limit in (("alert", one.alert), ("warning", one.warning)):
            value = f"({promql(series, window)}) {sign} {_number(series.based(limit))}"
            count = series.exported + ("_total" if series.statistic == "total" else "_count")
            enough = f"sum(increase({count}[{window}])) >= {one.least}"
            summary = f"{series.words} is {{{{ $value | humanize }}}} over {window}"
            yield _rule(name, severity, series.stage, f"({value}) and ({enough})", summary)


def _burn_rules(slo: SloOptions) -> Iterable[dict[str, Any]]:
    series = BY_NAME["slow"]
    count = f"{series.exported}_count"
    for burn in BURNS:
        long, short = span(burn.long_s), span(burn.short_s)
        limit = _number(burn.rate * (1 - slo.objective))
        expression = (
            f"({promql(series, long)}) >= {limit} and ({promql(series, short)}) >= {limit} "
            f"and sum(increase({count}[{long}])) >= {slo.least} "
            f"and sum(increase({count}[{short}])) >= {max(1, slo.least // 4)}"
        )
        summary = f"{{{{ $value | humanizePercentage }}}} over {slo.budget_ms:g} ms in {long}"
        yield _rule(burn_name(burn), burn.severity, series.stage, expression, summary, wait=None)


def _down() -> dict[str, Any]:
    return _rule("down", "alert", "wire", JOB_DOWN, "the server does not answer its scrape")


def _rule(  # noqa: PLR0913, PLR0917 - a rule has so many parts
    name: str, severity: str, stage: str, expression: str, summary: str, wait: str | None = FOR
) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "alert": "Speechsearch" + "".join(part.capitalize() for part in name.split("_")),
        "expr": expression,
        "labels": {"severity": severity, "stage": stage, "metric": name},
        "annotations": {"summary": summary, "runbook": RUNBOOK.get(stage, RUNBOOK_OTHER)},
    }
    return rule | ({"for": wait} if wait else {})


def _row(stage: str, number: int, y: int) -> dict[str, Any]:
    at = {"h": 1, "w": 24, "x": 0, "y": y}
    return {"type": "row", "id": number, "title": stage, "gridPos": at, "panels": []}


def _panel(series: Series, number: int, at: dict[str, int]) -> dict[str, Any]:
    unit = {"%": "percentunit", "ms": "s", "MB": "bytes", "s": "s", "dB": "dB"}.get(series.unit, "")
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if series.high is not None:
        steps.append({"color": "red", "value": series.based(series.high)})
    return {
        "type": "timeseries",
        "id": number,
        "title": series.words,
        "gridPos": at,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "targets": [{"refId": "A", "expr": promql(series, "$__rate_interval")}],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "dashed"}},
            },
            "overrides": [],
        },
    }


def _number(value: float) -> str:
    return f"{value:.6g}"
