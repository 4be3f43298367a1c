"""Have one second ear hear tables of recordings and write down all it says: bench_second_ear's
first half, run in a process of its own for each ear, so that its CPU time is that ear's.

A line a recording: {"name", "table", "seconds", "cpu_s", "readings"}, these as lists of text,
log-prob, log-prob of a token, no-speech probability. What is written already is not heard again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import astuple
from pathlib import Path

from evaluating import DATA

from speechsearch.asr.second_ear import SecondEar, open_second_ear
from speechsearch.asr.whisper import QUIET_S, WhisperEar, WhisperOptions
from speechsearch.audio.player import read_audio
from speechsearch.config import cache_dir
from speechsearch.learning.table import Recording, draw, read_table
from speechsearch.types import SAMPLE_RATE_HZ


def rows_of(table: str, limit: int | None) -> list[Recording]:
    """So many recordings of a table, drawn by the seed; no room responses, no machine labels."""
    rows = [
        row
        for row in read_table(DATA / f"{table}.tsv")
        if row.columns.get("kind") != "rir" and row.columns.get("labels", "human") == "human"
    ]
    return draw(rows, limit, 0)


def open_ear(spec: str) -> SecondEar:
    """``NAME[:beam[:quiet]]``: seconds of silence after the sound, or ``whole`` windows of 30 s."""
    name, *rest = spec.split(":")
    if not rest:
        return open_second_ear(name, cache_dir())
    beam, quiet = rest if len(rest) == 2 else (*rest, str(QUIET_S))
    options = WhisperOptions(int(beam), quiet_s=None if quiet == "whole" else float(quiet))
    return WhisperEar.load(name, cache_dir(), options)


def main() -> None:
    """Hear and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ear", help="NAME[:beam[:quiet]]")
    parser.add_argument("out", type=Path, help="JSON lines")
    parser.add_argument("table", nargs="+", help="TABLE or TABLE:limit")
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        done = {json.loads(line)["name"] for line in arguments.out.read_text().splitlines()}
    ear = open_ear(arguments.ear)
    ear.hear(read_audio(rows_of("speech", 1)[0].path))
    with arguments.out.open("a") as out:
        for wanted in arguments.table:
            table, _, limit = wanted.partition(":")
            for row in rows_of(table, int(limit) if limit else None):
                if row.name in done:
                    continue
                sound = read_audio(row.path)
                before_s = time.process_time()
                readings = ear.hear(sound)
                cpu_s = time.process_time() - before_s
                heard = [astuple(reading) for reading in readings]
                line = {
                    "name": row.name, "table": table, "seconds": len(sound) / SAMPLE_RATE_HZ,
                    "cpu_s": cpu_s, "readings": heard,
                }  # fmt: skip
                out.write(json.dumps(line) + "\n")
                out.flush()


if __name__ == "__main__":
    main()
