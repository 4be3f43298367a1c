"""Us and our peers on the same recordings: played in real time, timed by the same clock, one run.

t0 is the table's label; t1, t3, early cut-offs and errors are those of bench_latency. Each system
runs in a process of its own, and only one is active at a time: every file is heard by each of
them in turn, in rotated order, so that the machine's noise hits all alike. We go through client,
socket and server; a peer has no socket to cross, and its final text is searched in its process
with our text search, so that it has a t3 too. Each peer has its best streaming set-up:

- faster-whisper tiny.en and base: no streaming of their own, so our VAD and endpoints (the
  product's settings); the decode starts at the pause and is ready at the endpoint or soon after.
  Ending in -at-endpoint they decode at the endpoint only, for less CPU
- moonshine-voice tiny: its streaming transcriber with its own VAD
- PocketSphinx: decodes as sound arrives, its own Endpointer

CPU seconds and peak memory are those of all of a system's processes, VAD, playing and search
included; bare_rss_mb is what a peer's process held before its recogniser was loaded. WER is null
where a table has no transcript column: commands.tsv has none, speech.tsv has.

    scripts/bench_peers --limit 40 --json peers.json --picture peers.png
    scripts/bench_peers --table ../shared/data/speech.tsv
    scripts/bench_peers --systems speechsearch,faster-whisper-tiny.en-at-endpoint
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from latency import ROOT
from peers_process import Worker
from peers_report import draw, machine, rotated, sample, show, summary
from peers_systems import COMPARED, KNOWN, US
from played import read_rows

from speechsearch.errors import ConfigError, SpeechsearchError

DATA = ROOT.parent / "shared" / "data"
TABLES = (DATA / "commands.tsv", DATA / "speech.tsv")


def table_reports(
    table: Path, limit: int | None, workers: Sequence[Worker]
) -> Iterator[dict[str, Any]]:
    """The table's report after each file: a run that is broken off has what was played."""
    everything = read_rows(table, None)
    rows = sample(everything, limit)
    by_name = {worker.name: worker for worker in workers}
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in by_name}
    for turn, row in enumerate(rows):
        for name in rotated(list(by_name), turn):
            print(f"\r{table.name} {turn + 1}/{len(rows)} {name:36}", end="", flush=True)
            files[name].append(by_name[name].play(row))
        played = rows[: turn + 1]
        yield {
            "table": table.name,
            "rows": len(everything),
            "n": len(played),
            "systems": {n: summary(played, files[n], w.ready) for n, w in by_name.items()},
        }


def write(report: dict[str, Any], arguments: argparse.Namespace) -> None:
    """The files that were asked for."""
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    if arguments.picture:
        draw(report, arguments.picture)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start the systems, play every table, write as it goes."""
    report: dict[str, Any] = {"machine": machine(), "tables": []}
    with ExitStack() as stack:
        workers = []
        for name in arguments.systems:
            print(f"\rstarting {name:36}", end="", flush=True)
            workers.append(Worker(name, own=name == US, index=arguments.index))
            stack.callback(workers[-1].close)
        for table in arguments.table:
            done = report["tables"]
            for so_far in table_reports(table, arguments.limit, workers):
                report["tables"] = [*done, so_far]
                write(report, arguments)
    return report


def systems(text: str) -> list[str]:
    """Names between commas; raises ConfigError for one that is not known."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in KNOWN]
    if unknown or not names:
        raise ConfigError(
            f"no such system: {', '.join(unknown) or text!r}", hint=f"Known: {', '.join(KNOWN)}"
        )
    return names


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table", type=Path, action="append",
        help="TSV with path and t0; may be given again; commands.tsv and speech.tsv if not given",
    )  # fmt: skip
    parser.add_argument("--index", type=Path, help="index to search; the demo books if not given")
    parser.add_argument(
        "--limit", type=int, help="only N files of each table, from all over it, always the same"
    )
    parser.add_argument(
        "--systems", default=",".join(COMPARED), metavar="A,B,C", help=f"of {', '.join(KNOWN)}"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="draw the distributions")
    arguments = parser.parse_args()
    arguments.table = arguments.table or list(TABLES)
    if arguments.limit is not None and arguments.limit < 1:
        parser.error("--limit must be at least 1")
    missing = [str(table) for table in arguments.table if not table.is_file()]
    if missing:
        parser.exit(1, f"the table is not here: {', '.join(missing)}\n")
    try:
        arguments.systems = systems(arguments.systems)
        show(measure(arguments))
    except SpeechsearchError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
