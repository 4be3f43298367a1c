"""The verb ``query``: recordings and folders of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from speechsearch.cli_shared import (
    Asked,
    ComputeOption,
    DecoderOption,
    EngineOption,
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

if TYPE_CHECKING:
    from rich.progress import TaskID

    from speechsearch.client.batch import Tally
    from speechsearch.errors import SpeechsearchError

Show = Callable[[str, dict[str, Any]], None]


@reports
def query(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER...", help="Recordings, and folders of them")
    ],
    index: IndexOption = "",
    model: ModelOption = "",
    server: ServerOption = "",
    decoder: DecoderOption = None,
    search: SearchOption = None,
    second_pass: SecondPassOption = None,
    engine: EngineOption = None,
    device: ComputeOption = None,
    as_json: JsonOption = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Append results here; what is in it is skipped"),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0, help="Times real time; 0 = as fast as it goes [1; 0 for a folder or with --out]"
        ),
    ] = None,
) -> None:
    """Send recordings the way the microphone goes: client, VAD, socket, server.

    Example: speechsearch query audio_fixtures/*.flac --json --speed 0

    Example: speechsearch query recordings/ --out results.jsonl
    """
    from speechsearch.client.batch import recordings_in, run_batch
    from speechsearch.client.ledger import ledger

    asked = Asked(index, model, decoder, search, second_pass, engine, device)
    setup = asked.setup(server)
    recordings = recordings_in(files)
    batch = out is not None or any(Path(file).is_dir() for file in files)
    speed = speed if speed is not None else 0.0 if batch else 1.0
    show = _print_json if as_json else _print_answer if out is None else _print_nothing
    with contextlib.ExitStack() as stack:
        results = stack.enter_context(ledger(out, recordings)) if out else None
        progress = stack.enter_context(_progress(shown=batch))
        watcher = _Shown(show, progress, progress.add_task("", total=len(recordings)))
        if results:
            progress.advance(watcher.task, sum(one in results.done for one in recordings))
        tally = asyncio.run(run_batch(recordings, setup, speed, watcher, results))
    if batch and errors.is_terminal:
        errors.print(_summary(tally), markup=False)
    if tally.failed:
        raise typer.Exit(1)


def _progress(*, shown: bool) -> Progress:
    """A bar on a terminal; where standard output is no terminal it stays as it is."""
    return Progress(
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=errors,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not (shown and errors.is_terminal),
    )


@dataclass(slots=True)
class _Shown:
    """A batch on the terminal."""

    show: Show
    progress: Progress
    task: TaskID
    before: float = 0.0
    """Recordings that were over when the present one began"""

    def begins(self, recording: str) -> None:
        self.before = self.progress.tasks[0].completed
        self.progress.update(self.task, description=Path(recording).name)

    def heard(self, share: float) -> None:
        self.progress.update(self.task, completed=self.before + share)

    def answered(self, recording: str, found: dict[str, Any]) -> None:
        self.show(recording, found)

    def failed(self, recording: str, error: SpeechsearchError) -> None:
        named = error.message.startswith(recording)
        errors.print(str(error) if named else f"{recording}: {error}", markup=False, soft_wrap=True)

    def ended(self, recording: str) -> None:
        del recording
        self.progress.update(self.task, completed=self.before + 1)


def _summary(tally: Tally) -> str:
    parts = [f"{tally.done} done"]
    if tally.skipped:
        parts.append(f"{tally.skipped} were done already")
    if tally.failed:
        parts.append(f"{len(tally.failed)} failed")
    return ", ".join(parts)


def _print_json(_file: str, found: dict[str, Any]) -> None:
    print(json.dumps(found, ensure_ascii=False), flush=True)


def _print_answer(file: str, found: dict[str, Any]) -> None:
    timing_ms = found["timings_ms"]["end_of_speech_to_results"]
    lines = [f"{file}  “{found['text']}”  {timing_ms:.0f} ms after the end of speech"]
    lines += [
        f"  {n}. {hit['title']}  {hit['score']:.2f}" for n, hit in enumerate(found["hits"], 1)
    ]
    output.print("\n".join(lines), markup=False, soft_wrap=True)


def _print_nothing(_file: str, _found: dict[str, Any]) -> None:
    """The file has it."""
