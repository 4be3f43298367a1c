"""The ``speechsearch`` command: thin verbs over the shells."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from speechsearch import __version__
from speechsearch.cli_alarms import alarms_app
from speechsearch.cli_automation import automation_app
from speechsearch.cli_eval import evaluate
from speechsearch.cli_export import models_card, models_export
from speechsearch.cli_models import models_app
from speechsearch.cli_pseudolabel import pseudolabel
from speechsearch.cli_query import query
from speechsearch.cli_replay import replay
from speechsearch.cli_rollout import rollout_app
from speechsearch.cli_shared import (
    DEVICES,
    Asked,
    ComputeOption,
    DecoderOption,
    EngineOption,
    IndexOption,
    ModelOption,
    SearchOption,
    SecondPassOption,
    ServerOption,
    errors,
    output,
    reports,
    say_what_hears,
)
from speechsearch.cli_train import train
from speechsearch.config import load_settings
from speechsearch.types import Device

if TYPE_CHECKING:
    from speechsearch.search.catalogue import CatalogueRead

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Voice search on your own machine: speak, and the hits are on the screen.",
)
app.add_typer(alarms_app, name="alarms")
models_app.command("export")(models_export)
models_app.command("card")(models_card)
app.add_typer(models_app, name="models")
app.add_typer(rollout_app, name="rollout")
app.add_typer(automation_app, name="automation")
app.command("query")(query)
app.command("eval")(evaluate)
app.command("replay")(replay)
app.command("train")(train)
app.command("pseudolabel")(pseudolabel)


def _version(wanted: bool) -> None:
    if wanted:
        output.print(f"speechsearch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and end")
    ] = False,
) -> None:
    """Voice search on your own machine: speak, and the hits are on the screen."""
    del version


@app.command()
@reports
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [8765]")] = None,
    index: IndexOption = "",
    model: ModelOption = "",
    decoder: DecoderOption = None,
    search: SearchOption = None,
    second_pass: SecondPassOption = None,
    engine: EngineOption = None,
    device: ComputeOption = None,
) -> None:
    """Answer clients over a websocket, and recordings over HTTP, until SIGTERM or Ctrl-C.

    Example: speechsearch serve --port 8765 --index ./my-index
    """
    from speechsearch.server.assemble import build_app, pipeline_options
    from speechsearch.server.run import bind, run
    from speechsearch.wire.address import http_url, socket_url

    asked = Asked(index, model, decoder, search, second_pass, engine, device)
    settings = asked.settings(server={"host": host, "port": port})
    pipeline_options(settings)
    say_what_hears(settings)
    listening = bind(settings.server)
    url = socket_url(settings.server.host, listening.getsockname()[1])
    page = http_url(url, "/")
    errors.print(f"speechsearch serves {url}, the page is {page}", markup=False, soft_wrap=True)
    run(build_app(settings), listening)


@app.command()
@reports
def listen(
    index: IndexOption = "",
    model: ModelOption = "",
    server: ServerOption = "",
    second_pass: SecondPassOption = None,
    microphone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Input device: number or part of its name")
    ] = None,
    engine: EngineOption = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|cuda", help="Where the model runs; any other name is a microphone's"
        ),
    ] = None,
    or_play: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Play the recordings there where no microphone is"),
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="Hear only what is said while space is held down")
    ] = False,
) -> None:
    """Listen to the microphone and show what is found; JSON lines where stdout is no terminal.

    With --hold nothing is heard or sent but while you talk: hold the space bar down, or tap it to
    begin and tap it again to end. What you said is answered as soon as you let go. (A terminal says
    only what is pressed: a held key is known by its repeats, its release by their end. The
    microphone stays open so that your first word is whole; what it hears meanwhile is thrown away.)

    Example: speechsearch listen --index ./my-index --microphone headset
    """
    from speechsearch.client.session import listen_or_play

    where = Device(device) if device in DEVICES else None
    source = microphone or (None if where else device)
    asked = Asked(index, model, second_pass=second_pass, engine=engine, device=where)
    asyncio.run(listen_or_play(asked.setup(server), source, or_play, hold=hold))


@app.command("index")
@reports
def index_command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the index goes")],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="JSONL, CSV or TSV catalogue")
    ] = None,
    update: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add these, or replace those of the same id"),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Take this out; may be given again")
    ] = None,
) -> None:
    """Build an index of a catalogue with `id`, `title` and any other columns, or change one.

    Example: speechsearch index films.csv --out ./films

    Example: speechsearch index --out ./films --update new.csv --remove tt0111161
    """
    if (file is None) == (update is None and not remove):
        raise typer.BadParameter("give either FILE, or --update or --remove")
    if file is not None:
        _build(file, out)
        return
    from speechsearch.search.embedded import update_index

    done = update_index(out, _catalogue(update).entries if update else (), remove or ())
    output.print(f"{done.added} added, {done.changed} changed, {done.removed} removed in {out}")
    for identity in done.unknown:
        errors.print(f"there was no {identity} to remove", markup=False, soft_wrap=True)


def _build(file: Path, out: Path) -> None:
    from rich.progress import Progress

    from speechsearch.search.embedded import build_index

    read = _catalogue(file)
    with Progress(console=errors) as progress:
        writing = progress.add_task("indexing", total=len(read.entries))
        build_index(read.entries, out, lambda done: progress.update(writing, completed=done))
    output.print(f"{len(read.entries)} entries in {out}, {len(read.bad)} rows left out")


def _catalogue(file: Path) -> CatalogueRead:
    """Read a catalogue, progress and the rows left out on stderr."""
    from rich.progress import Progress

    from speechsearch.search.catalogue import read_catalogue

    with Progress(console=errors) as progress:
        reading = progress.add_task("reading", total=None)
        read = read_catalogue(file, lambda row: progress.update(reading, completed=row))
        progress.update(reading, total=len(read.entries) + len(read.bad))
    for bad in read.bad:
        errors.print(f"{file}:{bad.line}: left out: {bad.reason}", markup=False, soft_wrap=True)
    return read


@app.command()
@reports
def devices() -> None:
    """List the microphones.

    Example: speechsearch devices
    """
    from speechsearch.audio.devices import input_devices

    table = Table("", "input", "channels", "rate", box=None)
    for device in input_devices():
        mark = "*" if device.is_default else " "
        rate = f"{device.rate_hz} Hz"
        table.add_row(f"{mark}{device.number}", device.name, str(device.channels), rate)
    output.print(table if table.rows else "no microphone: speechsearch doctor says what to do")


@app.command()
@reports
def doctor() -> None:
    """Say what is here, what is missing, and how to get it.

    Example: speechsearch doctor
    """
    from speechsearch.client.doctor import examine

    well = True
    for finding in examine(load_settings()):
        well &= finding.well
        output.print(f"{finding.mark} {finding}", soft_wrap=True, markup=False)
    if not well:
        raise typer.Exit(1)


def main() -> None:
    """Run the command."""
    app()
