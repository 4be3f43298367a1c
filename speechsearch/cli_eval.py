"""The verb ``eval``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechsearch.cli_shared import (
    Asked,
    ComputeOption,
    DecoderOption,
    EngineOption,
    IndexOption,
    ModelOption,
    SearchOption,
    SecondPassOption,
    errors,
    output,
    reports,
)
from speechsearch.errors import TableError

if TYPE_CHECKING:
    from speechsearch.client.session import Setup
    from speechsearch.learning.conditions import Condition
    from speechsearch.learning.evaluate import Evaluation
    from speechsearch.learning.table import Recording


@reports
def evaluate(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="TSV with path, transcript, perhaps item")
    ],
    index: IndexOption = "",
    model: ModelOption = "",
    decoder: DecoderOption = None,
    search: SearchOption = None,
    second_pass: SecondPassOption = None,
    engine: EngineOption = None,
    device: ComputeOption = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", metavar="COLUMN", help="Look at its values apart; repeatable"),
    ] = None,
    snr: Annotated[
        float | None, typer.Option("--snr", metavar="DB", help="Add noise so far below the speech")
    ] = None,
    noise: Annotated[
        str, typer.Option(metavar="white|pink|FILE|TABLE", help="Which noise [pink]")
    ] = "",
    rir: Annotated[
        str,
        typer.Option(metavar="FILE|TABLE", help="Room: its response, or rows of kind rir"),
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many recordings, drawn by the seed")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="Times real time; 0 = as fast as it goes")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of noise, rooms, drawing, intervals")] = 0,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the report as JSON")
    ] = None,
    html_out: Annotated[
        Path | None,
        typer.Option("--html", metavar="OUT", help="Write a page with the mistakes to listen to"),
    ] = None,
) -> None:
    """Say how well recordings are heard and found: all, and slice by slice, worst first.

    Without a column item, the entry titled as the transcript is the right one.

    Example: speechsearch eval audio_fixtures/manifest.tsv --html report.html
    """
    from speechsearch.learning.conditions import Condition, ConditionOptions
    from speechsearch.learning.evaluate import report_of
    from speechsearch.learning.measures import Bootstrap
    from speechsearch.learning.report_text import render
    from speechsearch.learning.slices import check_columns
    from speechsearch.learning.table import draw, read_table

    _check_writable(json_out, html_out)
    options = ConditionOptions(snr, noise, rir, seed)
    condition = Condition(options)
    setup = Asked(index, model, decoder, search, second_pass, engine, device).setup()
    recordings = draw(read_table(table), limit, seed)
    check_columns(slices or [], recordings[0])
    evaluation = _run(recordings, setup, condition, speed)
    for name, why in evaluation.failed.items():
        errors.print(f"{name}: left out: {why}", markup=False, soft_wrap=True)
    report = {
        "table": str(table),
        "snr_db": snr,
        "noise": options.colour,
        "rir": rir or None,
        "seed": seed,
        **report_of(evaluation, slices or [], Bootstrap(seed=seed)),
    }
    output.print(render(report))
    if json_out:
        json_out.write_text(json.dumps(report, indent=1, ensure_ascii=False))
    if html_out:
        _write_page(html_out, report, recordings, condition)


def _run(
    recordings: Sequence[Recording], setup: Setup, condition: Condition, speed: float
) -> Evaluation:
    from rich.progress import Progress, TimeRemainingColumn

    from speechsearch.client.evaluation import evaluate as hear_all

    with Progress(
        *Progress.get_default_columns()[:-1], TimeRemainingColumn(), console=errors
    ) as progress:
        bar = progress.add_task("hearing", total=len(recordings))
        return asyncio.run(
            hear_all(
                recordings,
                setup,
                condition,
                speed=speed,
                progress=lambda done: progress.update(bar, completed=done),
            )
        )


def _write_page(
    out: Path, report: dict[str, Any], recordings: Sequence[Recording], condition: Condition
) -> None:
    from speechsearch.audio.player import read_audio
    from speechsearch.learning.report_html import SoundOf, page

    paths = {recording.name: recording.path for recording in recordings}

    def link(path: Path) -> str:
        return Path(os.path.relpath(path.resolve(), out.parent.resolve())).as_posix()

    sound_of: SoundOf = lambda name: (  # noqa: E731
        condition.apply(read_audio(paths[name]), name),
        "" if condition.changes_anything else link(paths[name]),
    )
    out.write_text(page(report, sound_of))


def _check_writable(*outs: Path | None) -> None:
    """A long run must not end in a path that is not there."""
    for out in outs:
        if out and (out.is_dir() or not os.access(out.absolute().parent, os.W_OK)):
            raise TableError(f"{out} cannot be written", hint="Name a file in a folder that exists")
