"""The verb ``replay``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechsearch.cli_shared import Asked, IndexOption, ModelOption, errors, output, reports
from speechsearch.durable import replace_file
from speechsearch.errors import ConfigError
from speechsearch.types import ONE_EAR

if TYPE_CHECKING:
    from speechsearch.config import Settings
    from speechsearch.replay.changes import Changes
    from speechsearch.replay.run import Observed, Replayed
    from speechsearch.replay.traffic import Traffic


@reports
def replay(
    before: Annotated[Path, typer.Option("--before", metavar="TABLE", help="Traffic as it was")],
    after: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="From the change on [more of --before]")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="What is usual [half the speakers of --before]"),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            metavar="snr=5|gain=-20|band=300-3400|clip=0.1|vad=ENGINE:LEVEL|catalogue=DIR",
            help="What alters from the change on; a ramp: snr=30..5/1000; repeatable",
        ),
    ] = None,
    n_before: Annotated[
        int | None, typer.Option("--n-before", min=0, help="Utterances before it [all]")
    ] = None,
    n_after: Annotated[
        int | None, typer.Option("--n-after", min=0, help="Utterances after it [all]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Shuffles speakers, then rows")] = 0,
    repeat: Annotated[
        int, typer.Option(min=1, max=1000, help="Replays, of this seed and those after it")
    ] = 1,
    index: IndexOption = "",
    model: ModelOption = "",
    second_pass: Annotated[
        str,
        typer.Option("--second-pass", metavar="off|NAME", help="The ear that writes the text anew"),
    ] = ONE_EAR,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the alarms as JSON")
    ] = None,
) -> None:
    """Play recorded traffic to the monitor, faster than real time, and say what it notices.

    What each detector finds is beside it: alerts before the change are false, those after it
    late by so much. Of several replays the alarms shown and written are the first one's.

    Example: speechsearch replay --before adults.tsv --after children.tsv --json alarms.json
    """
    from speechsearch.asr.second_ear import check_second_ear, chosen_second_ear
    from speechsearch.learning.table import read_table
    from speechsearch.replay.changes import parse_changes
    from speechsearch.replay.run import replay as watch
    from speechsearch.replay.traffic import Lengths, Tables, arrange

    settings = Asked(index, model, second_pass=second_pass).settings()
    check_second_ear(chosen_second_ear(settings.asr.second_pass))
    changes = parse_changes(change or [])
    if json_out and not json_out.parent.is_dir():
        raise ConfigError(f"there is no folder {json_out.parent}", hint="Make it first")
    tables = Tables(
        read_table(before),
        read_table(after) if after else None,
        read_table(reference) if reference else None,
    )
    lengths = Lengths(n_before, n_after)
    traffic = [arrange(tables, lengths, changes, n) for n in range(seed, seed + repeat)]
    if unnamed := sum(not row.columns.get("speaker") for row in tables.rows()):
        errors.print(
            f"warning: {unnamed} recordings without a speaker count as one each; "
            "false alarms come where one person said several",
            style="yellow", markup=False, soft_wrap=True,
        )  # fmt: skip
    replays = [watch(one) for one in _hear(traffic, settings, changes)]
    _show(replays[0])
    _show_detectors(replays)
    if json_out:
        report = json.dumps(replays[0].report(), indent=1, ensure_ascii=False)
        try:
            replace_file(json_out, report.encode())
        except OSError as error:
            raise ConfigError(f"{json_out} cannot be written: {error}") from error


def _hear(traffic: Sequence[Traffic], settings: Settings, changes: Changes) -> Iterator[Observed]:
    from rich.progress import Progress

    from speechsearch.config import cache_dir
    from speechsearch.replay.cache import OutcomeCache
    from speechsearch.replay.run import BothEars, hear_all

    total = sum(len(one.reference) + len(one.before) + len(one.after) for one in traffic)
    with (
        Progress(console=errors) as progress,
        OutcomeCache(cache_dir() / "replay.sqlite") as cache,
    ):
        bar = progress.add_task("hearing", total=total)
        ears = BothEars.of(settings, changes, cache)
        for one in traffic:
            yield hear_all(one, ears, lambda _: progress.advance(bar))


def _show(replayed: Replayed) -> None:
    from rich.table import Table

    table = Table("utterance", "severity", "metric", "stage", "cause", box=None)
    report = replayed.report()
    for alarm in report["alarms"]:
        words = (alarm["severity"], alarm["metric"], alarm["stage"], alarm["cause"])
        table.add_row(f"{alarm['at_utterance']:+d}", *words)
    output.print(
        f"{replayed.n_before} utterances before the change, {replayed.n_after} after it: "
        f"{len(replayed.alarms)} alarms"
    )
    if replayed.alarms:
        output.print(table)


def _show_detectors(replays: Sequence[Replayed]) -> None:
    from statistics import median

    from rich.table import Table

    from speechsearch.replay.calibrated import calibrated

    table = Table("detector", "false", "found", "delay", "before|after the change", box=None)
    for one in calibrated(replays):
        late = sorted(one.delays)
        span = f"{median(late):g} ({late[0]}-{late[-1]})" if late else ""
        counts = (f"{len(places)}/{one.replays}" for places in (one.false, one.delays))
        table.add_row(one.detector, *counts, span, one.line)
    output.print("alerts of each detector, in how many replays, median delay:")
    output.print(table)
