"""The verbs under ``rollout``: let a new version in, watch it, throw it out."""

from __future__ import annotations

import getpass
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from speechsearch.cli_shared import JsonOption, ServerOption, output, reports
from speechsearch.config import Settings, load_settings
from speechsearch.errors import ConfigError, RolloutError, ServerUnavailable

rollout_app = typer.Typer(
    no_args_is_help=True,
    help="Replace a part of the pipeline while people speak. Needs a server with rollout.token "
    "(SPEECHSEARCH_ROLLOUT__TOKEN) or rollout.token_file, and the same here.",
)
WhyOption = Annotated[str, typer.Option("--why", help="Kept in the history")]
TIMEOUT_S = 60.0


@rollout_app.command()
@reports
def status(server: ServerOption = "", as_json: JsonOption = False) -> None:
    """Say where the rollout stands and what is known.

    Example: speechsearch rollout status
    """
    _show(_ask("GET", "", server), as_json)


@rollout_app.command()
@reports
def start(
    model: Annotated[str, typer.Option(metavar="NAME", help="Another acoustic model")] = "",
    index: Annotated[str, typer.Option(metavar="DIR", help="Another index")] = "",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Any other setting; repeatable"),
    ] = None,
    version: Annotated[str, typer.Option(metavar="ID", help="A version known already")] = "",
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON: what differs from the default plan")
    ] = None,
    switch: Annotated[
        bool, typer.Option("--switch", help="Everybody at once when it has proved itself")
    ] = False,
    card: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What there is to know of the version")
    ] = None,
    server: ServerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Let in a version that differs from the champion: shadow, canary, everybody.

    Example: speechsearch rollout start --model my-model --set search.limit=5
    """
    changes = _changes(model, index, change or [])
    body: dict[str, Any] = {"plan": {**_plan(plan), **({"switch": True} if switch else {})}}
    body |= {"changes": changes} if changes else {}
    body |= {"version": version} if version else {}
    body |= {"card": _read(card)} if card else {}
    _show(_ask("POST", "/start", server, body), as_json)


@rollout_app.command()
@reports
def pause(server: ServerOption = "", as_json: JsonOption = False) -> None:
    """Stay at this step; what fails is thrown out all the same.

    Example: speechsearch rollout pause
    """
    _show(_ask("POST", "/pause", server, {}), as_json)


@rollout_app.command()
@reports
def resume(server: ServerOption = "", as_json: JsonOption = False) -> None:
    """Go on after a pause.

    Example: speechsearch rollout resume
    """
    _show(_ask("POST", "/resume", server, {}), as_json)


@rollout_app.command()
@reports
def promote(server: ServerOption = "", as_json: JsonOption = False) -> None:
    """Go one step on without waiting; not without the step's sessions.

    Example: speechsearch rollout promote
    """
    _show(_ask("POST", "/promote", server, {}), as_json)


@rollout_app.command()
@reports
def rollback(
    why: WhyOption = "by hand", server: ServerOption = "", as_json: JsonOption = False
) -> None:
    """Throw the challenger out, or go back to the old version while that is warm.

    Example: speechsearch rollout rollback --why "people complain"
    """
    _show(_ask("POST", "/rollback", server, {"why": why}), as_json)


@rollout_app.command()
@reports
def history(server: ServerOption = "", as_json: JsonOption = False) -> None:
    """List every step taken, by whom and why, and every incident with its evidence.

    Example: speechsearch rollout history --json
    """
    found = _ask("GET", "/history", server)
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("when", "version", "from", "to", "who", "why", box=None)
    for one in found["transitions"]:
        table.add_row(_when(one["at_s"]), one["version"], one["before"], one["after"], one["who"],
                      one["why"])  # fmt: skip
    (output if output.is_terminal else Console(width=240)).print(table)
    for one in found["incidents"]:
        output.print(
            f"incident {_when(one['at_s'])}: {one['version']} at {one['place']}: {one['reason']}; "
            f"{one['met']} of {one['seen']} sessions met it",
            markup=False,
            soft_wrap=True,
        )
        output.print(_evidence(one["evidence"]))


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, show_header=False)
    shares = ", ".join(f"{arm} {share:.0%}" for arm, share in found["shares"].items() if share)
    rows = {
        "step": found["place"] + (", paused" if found["paused"] else ""),
        "since": _when(found["since_s"]) if found["since_s"] else "",
        "champion": found["champion"] or "what the settings name",
        "old champion" if found["phase"] == "warm" else "challenger": found["challenger"],
        "differs": ", ".join(
            f"{one['setting']} {one['challenger']} instead of {one['champion']}"
            for part in found["parts"]
            for one in part["differs"]
        ),
        "sessions go to": shares,
        "judged": f"{found['champion_sessions']} and {found['challenger_sessions']} sessions: "
        f"{found['verdict']}",
        "met the challenger": f"{found['met']} of {found['seen']} sessions",
        "in the shadow": ", ".join(f"{n} {what}" for what, n in found["shadow"].items()),
        "compared": ", ".join(f"{name} {mean:.3g}" for name, mean in found["compared"].items()),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    output.print(table)
    if found["evidence"]:
        output.print(_evidence(found["evidence"]))


def _evidence(reports: list[dict[str, Any]]) -> Table:
    table = Table("metric", "verdict", "observations", "worse by", "evidence, nats", box=None)
    for one in reports:
        nats = f"{one['log_evidence']:.1f} of {one['log_needed']:.1f}"
        table.add_row(one["name"], one["verdict"], str(one["observations"]),
                      f"{one['worse_by']:+.4f}", nats)  # fmt: skip
    return table


def _when(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))


def _changes(model: str, index: str, settings: list[str]) -> dict[str, dict[str, Any]]:
    """By section and name; raises ConfigError for what is no setting."""
    changes: dict[str, dict[str, Any]] = {}
    if model:
        folder = Path(model)
        changes["asr"] = {"model": str(folder.absolute()) if folder.is_dir() else model}
    if index:
        changes["search"] = {"index": str(Path(index).absolute())}
    for setting in settings:
        name, equals, value = setting.partition("=")
        section, dot, name = name.partition(".")
        if not (section and dot and name and equals):
            raise ConfigError(f"{setting!r} is no setting", hint="--set vad.hangover_ms=400")
        try:
            changes.setdefault(section, {})[name] = json.loads(value)
        except ValueError:
            changes.setdefault(section, {})[name] = value
    return changes


def _plan(path: Path | None) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = json.loads(_read(path)) if path else {}
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}", hint='{"shadow_hold_s": 60}') from error
    return plan


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="Name a text file") from error


def _ask(method: str, path: str, server: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the server answers; raises ServerUnavailable, RolloutError with its own words."""
    import httpx2

    from speechsearch.wire.address import http_url, socket_url, stream_url

    settings = load_settings()
    options = settings.server
    socket = stream_url(server) if server else socket_url(options.host, options.port)
    url = http_url(socket, f"/v1/rollout{path}")
    if body is not None:
        body = {"who": getpass.getuser(), **body}
    headers = {"Authorization": f"Bearer {_token(settings)}"}
    try:
        with httpx2.Client(trust_env=False, timeout=TIMEOUT_S) as client:
            answer = client.request(method, url, json=body, headers=headers)
            found: dict[str, Any] = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise ServerUnavailable(
            f"{url} does not answer: {error}", hint="Is it running? speechsearch serve"
        ) from error
    if answer.status_code == 404 and found.get("code") == "not_found":
        raise RolloutError(
            "that server has no rollouts", hint="Start it with SPEECHSEARCH_ROLLOUT__TOKEN set"
        )
    if answer.is_error:
        raise RolloutError(str(found.get("message", answer)), hint=str(found.get("hint", "")))
    return found


def _token(settings: Settings) -> str:
    from speechsearch.server.rollout_files import admin_token

    token = admin_token(settings.rollout)
    if not token:
        raise ConfigError(
            "there is no administrator's token here",
            hint="Set SPEECHSEARCH_ROLLOUT__TOKEN or rollout.token_file",
        )
    return token
