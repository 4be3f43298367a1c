"""The ``speechsearch`` command: thin verbs over the shells."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from speechsearch import __version__
from speechsearch.cli_eval import evaluate
from speechsearch.cli_shared import (
    Asked,
    DecoderOption,
    IndexOption,
    JsonOption,
    ModelOption,
    SearchOption,
    SecondPassOption,
    ServerOption,
    errors,
    output,
    reports,
)
from speechsearch.config import load_settings

if TYPE_CHECKING:
    from speechsearch.search.catalogue import CatalogueRead

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Voice search on your own machine: speak, and the hits are on the screen.",
)
models_app = typer.Typer(no_args_is_help=True, help="The acoustic models at hand.")
app.add_typer(models_app, name="models")
app.command("eval")(evaluate)


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
) -> None:
    """Answer clients over a websocket, until SIGTERM or Ctrl-C.

    Example: speechsearch serve --port 8765 --index ./my-index
    """
    from speechsearch.server.assemble import build_app
    from speechsearch.server.run import bind, run
    from speechsearch.wire.address import socket_url

    asked = Asked(index, model, decoder, search, second_pass)
    settings = asked.settings(server={"host": host, "port": port})
    listening = bind(settings.server)
    url = socket_url(settings.server.host, listening.getsockname()[1])
    errors.print(f"speechsearch serves {url}", markup=False, soft_wrap=True)
    run(build_app(settings), listening)


@app.command()
@reports
def listen(
    index: IndexOption = "",
    model: ModelOption = "",
    server: ServerOption = "",
    second_pass: SecondPassOption = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Input device: number or part of its name")
    ] = None,
    or_play: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Play the recordings there where no microphone is"),
    ] = None,
) -> None:
    """Listen to the microphone and show what is found; JSON lines where stdout is no terminal.

    Example: speechsearch listen --index ./my-index --device headset
    """
    from speechsearch.client.session import listen_or_play

    asked = Asked(index, model, second_pass=second_pass)
    asyncio.run(listen_or_play(asked.setup(server), device, or_play))


@app.command()
@reports
def query(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Recordings")],
    index: IndexOption = "",
    model: ModelOption = "",
    server: ServerOption = "",
    decoder: DecoderOption = None,
    search: SearchOption = None,
    second_pass: SecondPassOption = None,
    as_json: JsonOption = False,
    speed: Annotated[
        float, typer.Option(min=0, help="Times real time; 0 = as fast as it goes")
    ] = 1.0,
) -> None:
    """Send recordings the way the microphone goes: client, VAD, socket, server.

    Example: speechsearch query audio_fixtures/*.flac --json --speed 0
    """
    from speechsearch.client.session import query_files

    setup = Asked(index, model, decoder, search, second_pass).setup(server)
    show = _print_json if as_json else _print_answer
    if asyncio.run(query_files(files, setup, speed, show)):
        raise typer.Exit(1)


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
    from speechsearch.audio.capture import input_devices

    table = Table("", "input", "channels", "rate", box=None)
    for device in input_devices():
        mark = "*" if device.is_default else " "
        rate = f"{device.rate_hz} Hz"
        table.add_row(f"{mark}{device.number}", device.name, str(device.channels), rate)
    output.print(table if table.rows else "no microphone: speechsearch doctor says what to do")


@models_app.command("list")
@reports
def models_list() -> None:
    """List the models at hand.

    Example: speechsearch models list
    """
    from speechsearch.asr.folder import list_models

    table = Table("model", "version", "language", "parameters", "licence", box=None)
    for folder in list_models([load_settings().models_dir]):
        about = folder.manifest
        table.add_row(
            about.name, about.version, about.language, f"{about.parameters:,}", about.license
        )
    output.print(table)


@models_app.command("show")
@reports
def models_show(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print a model's manifest.

    Example: speechsearch models show w2v2-starter
    """
    import msgspec

    from speechsearch.asr.folder import find_model

    folder = find_model(name, [load_settings().models_dir])
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(folder.manifest)).decode() + "\n")


@models_app.command("verify")
@reports
def models_verify(name: Annotated[str, typer.Argument(metavar="NAME")] = "") -> None:
    """Check the files of one model, or of all, against their sha256.

    Example: speechsearch models verify
    """
    from speechsearch.asr.folder import find_model, list_models

    where = [load_settings().models_dir]
    for folder in [find_model(name, where)] if name else list_models(where):
        folder.verify()
        output.print(f"{folder.manifest.name}: whole")


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
        output.print(
            f"{'ok  ' if finding.well else 'MISS'} {finding}", soft_wrap=True, markup=False
        )
    if not well:
        raise typer.Exit(1)


def _print_json(_file: str, found: dict[str, Any]) -> None:
    print(json.dumps(found, ensure_ascii=False), flush=True)


def _print_answer(file: str, found: dict[str, Any]) -> None:
    timing_ms = found["timings_ms"]["end_of_speech_to_results"]
    lines = [f"{file}  “{found['text']}”  {timing_ms:.0f} ms after the end of speech"]
    lines += [
        f"  {n}. {hit['title']}  {hit['score']:.2f}" for n, hit in enumerate(found["hits"], 1)
    ]
    output.print("\n".join(lines), markup=False, soft_wrap=True)


def main() -> None:
    """Run the command."""
    app()
