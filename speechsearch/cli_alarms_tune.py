"""``speechsearch alarms tune``: thresholds from history, to be read and pasted; writes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from speechsearch.cli_shared import errors, reports
from speechsearch.config import data_dir, load_settings
from speechsearch.monitoring.history import History
from speechsearch.monitoring.rules import Threshold, span
from speechsearch.monitoring.series import BY_NAME
from speechsearch.monitoring.timeline import TIERS, Point
from speechsearch.monitoring.tuning import (
    FALSE_ALERTS,
    FALSE_WARNINGS,
    OF_THE_MACHINE,
    Fired,
    Past,
    Proposal,
    TuningOptions,
    propose,
)

UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0}
DAY_S = UNITS_S["d"]


@reports
def tune(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the server keeps its history [as the settings]"),
    ] = None,
    back: Annotated[str, typer.Option("--for", metavar="SPAN", help="So far back: 12h, 30d")] = (
        "90d"
    ),
    warnings: Annotated[
        float, typer.Option(help="False warnings of a rule that are borne in 30 days")
    ] = FALSE_WARNINGS,
    alerts: Annotated[float, typer.Option(help="The same of alerts")] = FALSE_ALERTS,
) -> None:
    """Propose thresholds from history, and say what would have fired by the old and by these.

    Reads the history of a server, running or not; nothing is changed: paste what you agree with
    into speechsearch.toml.

    Example: speechsearch alarms tune --for 14d
    """
    options, now_s = load_settings().monitoring, time.time()
    past, days = _past(folder or options.folder or data_dir() / "monitoring", span_s(back), now_s)
    proposals = propose(past, options.in_force, TuningOptions(warnings, alerts), options.agree)
    errors.print(_table(proposals))
    errors.print(
        f"{days:.2g} days of history, the newest {TIERS[0].kept_s / DAY_S:.0f} by the minute, the "
        "rest by the hour. Fired: warnings + alerts that the limits would have raised in it."
    )
    reason = (
        f"tuned {time.strftime('%Y-%m-%d', time.localtime(now_s))} from {days:.2g} days for "
        f"at most {warnings:g} false warning(s) a month"
    )
    new = [one for one in proposals if one.new and one.new != one.now]
    print(toml_of(new, reason) if new else "# nothing to change")


def _past(folder: Path, back_s: float, now_s: float) -> tuple[Past, float]:
    """The history there, and how many days it spans."""
    history = History(folder, writes=False)
    try:
        since_s = now_s - back_s
        minutes = history.minutes(since_s, now_s)
        first_s = min((point.at_s for point in minutes), default=int(now_s))
        hours = history.hours(since_s, first_s - UNITS_S["h"])
        incidents = [one for one in history.notes("alarm") if one["acknowledged_by"]]
    finally:
        history.close()
    began_s = min((point.at_s for point in (*hours, *minutes)), default=now_s)
    return Past(_by_series(minutes), _by_series(hours), incidents), (now_s - began_s) / DAY_S


def _by_series(points: Iterable[Point]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.series, []).append(point)
    return found


def _table(proposals: Sequence[Proposal]) -> Table:
    table = Table(box=None)
    for name in ("rule", "over", "now", "fired", "new", "fired", "windows"):
        table.add_column(name, no_wrap=True)
    for one in proposals:
        kept = "kept" if one.rule in OF_THE_MACHINE else "too few"
        new = (_limits(one.rule, one.new), _fired(one.fired_new)) if one.new else (kept, "")
        table.add_row(
            one.rule, span(one.now.window_s), _limits(one.rule, one.now), _fired(one.fired_now),
            *new, str(one.windows),
        )  # fmt: skip
    return table


def _limits(rule: str, threshold: Threshold) -> str:
    """Warning and alert: ``> 10, 20 %``."""
    bad = ">" if threshold.side == "above" else "<"
    first = said(rule, threshold.warning).partition(" ")[0]
    return f"{bad} {first}, {said(rule, threshold.alert)}"


def _fired(fired: Fired) -> str:
    return f"{fired.warnings} + {fired.alerts}"


def toml_of(proposals: Sequence[Proposal], why: str) -> str:
    """Sections for the settings file."""
    return "\n\n".join(_section(one.rule, one.new, one.why, why) for one in proposals if one.new)


def _section(rule: str, threshold: Threshold, about: str, why: str) -> str:
    lines = [
        f"# {about}",
        f"[monitoring.thresholds.{rule}]",
        *(f"{name} = {getattr(threshold, name):g}" for name in ("alert", "warning", "clear")),
        f'side = "{threshold.side}"',
        f"window_s = {threshold.window_s:g}",
        f"least = {threshold.least}",
        f'why = "{why}"',
    ]
    return "\n".join(lines)


def said(series: str, value: float | None) -> str:
    """A number of a series as people read it."""
    if value is None:
        return ""
    unit = BY_NAME[series].unit
    shown = value * 100 if unit == "%" else value
    digits = f"{shown:.0f}" if abs(shown) >= 1000 else f"{shown:.3g}"
    return f"{digits} {unit}".rstrip()


def span_s(words: str) -> float:
    """Seconds of ``30m``, ``4h`` or ``2d``."""
    try:
        return float(words[:-1]) * UNITS_S[words[-1]]
    except (KeyError, ValueError, IndexError):
        raise typer.BadParameter(f"{words!r} is no span: 30m, 4h, 2d") from None
