"""``speechsearch alarms``: what is in force and what was, acts on it, rules, the watch reviewed."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from speechsearch.cli_alarms_tune import said, span_s, tune
from speechsearch.cli_shared import ServerOption, output, reports
from speechsearch.config import load_settings
from speechsearch.errors import ServerUnavailable, SpeechsearchError
from speechsearch.monitoring import rules as words

alarms_app = typer.Typer(
    no_args_is_help=True,
    help="Alarms: list, test, silence, ack, rules, review of a running server, tune from history.",
)
alarms_app.command("tune")(tune)
RuleArgument = Annotated[str, typer.Argument(metavar="RULE", help="As `alarms list` names it")]


@alarms_app.command("list")
@reports
def list_alarms(server: ServerOption = "") -> None:
    """What is in force, and what was.

    Example: speechsearch alarms list
    """
    alarms = _ask("GET", "/v1/monitoring?span=3600", server)["alarms"]
    table = Table("", "rule", "stage", "since", "why, and what to do", box=None)
    for one in alarms["in_force"]:
        table.add_row(
            one["severity"], one["rule"], one["stage"], _when(one["raised_s"]),
            f"{one['cause']}\n{one['runbook']}",
        )  # fmt: skip
    output.print(table if table.rows else "no alarm is in force")
    for one in alarms["past"]:
        if one["cleared_s"] is not None:
            lasted = (one["cleared_s"] - one["raised_s"]) / 60
            words = f"{_when(one['raised_s'])} {one['severity']} {one['rule']}, {lasted:.0f} min"
            output.print(f"{words}: {one['cause']}", markup=False, soft_wrap=True)
    for sink, why in alarms["failed_sinks"].items():
        output.print(f"the newest alarm did not reach {sink}: {why}", markup=False)


@alarms_app.command("test")
@reports
def fire(server: ServerOption = "") -> None:
    """Fire an alarm end to end: book, history, dashboard and every sink.

    Example: speechsearch alarms test
    """
    entry = _ask("POST", "/v1/alarms/test", server)
    output.print(f"fired {entry['rule']}: {entry['cause']}", markup=False, soft_wrap=True)
    time.sleep(2)
    failed = _ask("GET", "/v1/monitoring?span=3600", server)["alarms"]["failed_sinks"]
    for sink, why in failed.items():
        output.print(f"{sink} did not take it: {why}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@alarms_app.command()
@reports
def silence(
    rule: RuleArgument,
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="30m, 4h, 2d; 0m ends it")] = (
        "1h"
    ),
    server: ServerOption = "",
) -> None:
    """Tell nobody of a rule for a while; `*` is every rule.

    Example: speechsearch alarms silence zero_results --for 4h
    """
    _ask("POST", "/v1/alarms/silence", server, {"rule": rule, "seconds": span_s(span)})
    output.print(f"{rule} is silent for {span}", markup=False)


@alarms_app.command()
@reports
def ack(
    rule: RuleArgument,
    who: Annotated[str, typer.Option(help="Who looks after it [you]")] = "",
    server: ServerOption = "",
) -> None:
    """Say that somebody looks after an alarm.

    Example: speechsearch alarms ack redo
    """
    _ask("POST", "/v1/alarms/ack", server, {"rule": rule, "who": who or getpass.getuser()})
    output.print(f"{who or getpass.getuser()} looks after {rule}", markup=False)


@alarms_app.command()
@reports
def rules(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write files for Prometheus there")
    ] = None,
    server: ServerOption = "",
) -> None:
    """Every limit in force at a server, and where it comes from.

    With --out, Prometheus rules, Alertmanager routing and a Grafana dashboard are written instead,
    as the settings here are.

    Example: speechsearch alarms rules
    """
    if out:
        _write_files(out)
        return
    rows = _ask("GET", "/v1/monitoring?span=3600", server)["thresholds"]
    table = Table("rule", "bad", "warning", "alert", "clear", "over", "least n", "from", box=None)
    for one in rows:
        limits = [said(one["series"], one[name]) for name in ("warning", "alert", "clear")]
        over = words.span(one["window_s"])
        table.add_row(
            one["rule"], one["side"], *limits, over, str(one["least"]), escape(one["why"])
        )
    output.print(table)


def _write_files(out: Path) -> None:
    from speechsearch.monitoring import prometheus_files as files

    options = load_settings().monitoring
    out.mkdir(parents=True, exist_ok=True)
    written = {
        "rules.yml": files.rules_file(options.in_force, options.slo),
        "alertmanager.yml": files.alertmanager_file(),
        "grafana.json": files.grafana_file(),
    }
    for name, text in written.items():
        (out / name).write_text(text)
        output.print(str(out / name), markup=False, soft_wrap=True)


@alarms_app.command()
@reports
def review(
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="So far back: 12h, 30d")] = (
        "30d"
    ),
    server: ServerOption = "",
) -> None:
    """The watch itself: which alarms anybody acted on, which series never moved and could go.

    Example: speechsearch alarms review --for 7d
    """
    found = _ask("GET", f"/v1/monitoring/review?span={span_s(span):.0f}", server)
    table = Table("rule", "fired", "alerts", "acted on", "silenced", "lasted", "", box=None)
    for one in sorted(found["alarms"], key=lambda one: -one["fired"]):
        if one["fired"]:
            lasted = "" if one["median_s"] is None else f"{one['median_s'] / 60:.0f} min"
            counts = [str(one[name]) for name in ("fired", "alerts", "acknowledged", "silenced")]
            table.add_row(escape(one["rule"]), *counts, lasted, one["verdict"])
    output.print(table if table.rows else f"no alarm was raised in {span}")
    quiet = [one["rule"] for one in found["alarms"] if not one["fired"]]
    output.print(f"never fired: {', '.join(quiet)}", markup=False, soft_wrap=True)
    for state in ("never moved", "too few to tell", "never measured"):
        names = [
            f"{one['name']} ({said(one['name'], one['low'])}, n {one['count']})"
            if one["count"]
            else one["name"]
            for one in found["series"]
            if one["state"] == state
        ]
        if names:
            output.print(f"{state}: {', '.join(names)}", markup=False, soft_wrap=True)


def _ask(method: str, path: str, server: str, body: dict[str, Any] | None = None) -> Any:
    """The answer of the server named, or of the one the settings name."""
    import httpx2

    from speechsearch.wire.address import http_url, socket_url, stream_url

    own = load_settings().server
    socket = stream_url(server) if server else socket_url(own.host, own.port)
    headers = {"Authorization": f"Bearer {own.token}"} if own.token else {}
    try:
        answer = httpx2.request(
            method, http_url(socket, path), json=body, headers=headers, timeout=10
        )
    except httpx2.HTTPError as error:
        raise ServerUnavailable(
            f"no server answers at {http_url(socket, '/')}: {error}",
            hint="speechsearch serve, or --server URL",
        ) from error
    if answer.status_code == 404:
        raise ServerUnavailable(
            "that server is not monitored", hint="monitoring.enabled = true there"
        )
    if answer.is_error:
        fault = answer.json()
        raise SpeechsearchError(fault["message"], hint=fault["hint"])
    return answer.json()


def _when(seconds: float) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(seconds))
