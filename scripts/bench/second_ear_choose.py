"""What the second ear's constants rest on: chosen on train.tsv, on no row of an evaluation table.

``hear`` writes down what Whisper says of CHOSEN recordings with each length of silence after them
(``asr/whisper.py``: QUIET_S). ``fit`` aligns it with the first ear's log-probs, and with those of
another recording, which is how an invented text fits: the guard's limits (``asr/plausible.py``) lie
between the two. ``hits`` asks whether the titles found with a second ear's words are better.

    python scripts/bench/second_ear_choose.py hear && python scripts/bench/second_ear_choose.py fit
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import DATA
from second_ear_hear import open_ear

from speechsearch.asr.second_ear import Reheard
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.asr.whisper import repeats
from speechsearch.audio.player import read_audio
from speechsearch.config import cache_dir
from speechsearch.learning.table import Recording, draw, read_table

SPOKEN, READ = 150, 150
"""Short sentences of Mandarin speakers, half of them children; sentences read by natives"""
QUIET = ("2", "4", "6", "8", "11", "14", "whole")
LOSSES = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
WORD_LOSSES = (8.0, 10.0, 12.0, 16.0)
SOUND_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


def chosen() -> list[Recording]:
    """The recordings that everything is chosen on."""
    rows = [row for row in read_table(DATA / "train.tsv") if row.transcript]
    spoken = [row for row in rows if "speechocean" in row.name]
    read = [row for row in rows if "speechocean" not in row.name]
    return draw(spoken, SPOKEN, 0) + draw(read, READ, 0)


def hear(name: str, folder: Path) -> None:
    """A file of JSON lines for each length of silence."""
    rows = chosen()
    for quiet in QUIET:
        ear = open_ear(f"{name}:5:{quiet}")
        with (folder / f"train_{name}_{quiet}.jsonl").open("w") as out:
            for row in rows:
                sound = read_audio(row.path)
                before_s = time.process_time()
                heard = [vars_of(reading) for reading in ear.hear(sound)]
                cpu_s = time.process_time() - before_s
                out.write(json.dumps({"name": row.name, "cpu_s": cpu_s, "readings": heard}) + "\n")
        said = heard_by(name, quiet, folder)
        errors = sum((count_errors(r.transcript, best(said[r.name])) for r in rows), Errors())
        longer = sum(
            len(best(said[r.name]).split()) > 1.5 * len(r.transcript.split()) + 1 for r in rows
        )
        twice = sum(repeats(best(said[r.name]), 2.4) for r in rows)
        cost_s = np.mean([line["cpu_s"] for line in said.values()])
        print(
            f"quiet {quiet:5} WER {errors.wer:.3f} CER {errors.cer:.3f} too long {longer} "
            f"said twice {twice} CPU {cost_s:.3f} s",
            flush=True,
        )


def vars_of(reading: Reheard) -> list[Any]:
    """A reading as JSON has it."""
    return [
        reading.text, reading.log_prob, reading.average_log_prob, reading.no_speech_probability,
    ]  # fmt: skip


def heard_by(name: str, quiet: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What was written down, by recording."""
    lines = (folder / f"train_{name}_{quiet}.jsonl").read_text().splitlines()
    return {line["name"]: line for line in map(json.loads, lines)}


def best(line: dict[str, Any]) -> str:
    """The likeliest reading."""
    return line["readings"][0][0] if line["readings"] else ""


def main() -> None:
    """Hear, or weigh."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["hear", "fit", "hits"])
    parser.add_argument("--ear", default="tiny.en")
    parser.add_argument("--kept", type=Path, help="folder of what the ear said [the cache]")
    arguments = parser.parse_args()
    folder = arguments.kept or cache_dir() / "second-ear"
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.step == "hear":
        hear(arguments.ear, folder)


if __name__ == "__main__":
    main()
