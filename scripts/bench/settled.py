"""What a second ear gains by hearing long utterances in parts while they are spoken, and what it
loses.

Recordings of over 5 s, whole, cut at the detector's pauses as the server cuts them
(``asr/settled.py``), for several least lengths of a part. *parts*: word errors of all parts' texts
one after another, beside those of the whole; *believed*: share of recordings whose parts the first
ear's log-probs all bear out, so that they are the draft; *rest*: CPU seconds of the last part, the
only one that the end waits for, and the share of recordings where that is over within so long.

    scripts/bench_settled --table train --table speech
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import DATA
from second_ear import FirstEar

from speechsearch.asr.plausible import Judgement
from speechsearch.asr.second_ear import Reheard, SecondEar, open_second_ear
from speechsearch.asr.settled import Part, Settling, SettlingOptions, judge_parts
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.audio.source import BLOCK_SAMPLES
from speechsearch.client.voices import detector_of
from speechsearch.config import Settings, cache_dir, load_settings
from speechsearch.learning.table import Recording, draw, read_table
from speechsearch.types import Audio, ms_to_samples
from speechsearch.vad.endpointer import Pause
from speechsearch.vad.segmenter import Segmenter

LONG_S = 5.0
LEAST_MS = (1500, 2000, 3000, 4000)
WHOLE_MS = 10**6
BUDGETS_S = (0.2, 0.25, 0.3)
"""From the pause to the answer there are mostly some 200 to 250 ms"""


@dataclass
class Ear:
    """Hears each stretch of one recording once, and knows what it cost."""

    ear: SecondEar
    sound: Audio
    heard: dict[tuple[int, int], tuple[tuple[Reheard, ...], float]] = field(default_factory=dict)

    def hear(self, start: int, end: int) -> tuple[Reheard, ...]:
        """Readings of the samples from ``start`` to ``end``."""
        if (start, end) not in self.heard:
            began_s = time.process_time()
            readings = self.ear.hear(self.sound[start:end])
            self.heard[start, end] = (readings, time.process_time() - began_s)
        return self.heard[start, end][0]


@dataclass(frozen=True)
class Outcome:
    """Of one recording, cut in one way."""

    parts: int
    errors: Errors
    judgement: Judgement
    rest_cpu_s: float


def pauses(sound: Audio, settings: Settings) -> Iterator[int]:
    """Where speech pauses, the end included, with the post-roll; samples."""
    segmenter = Segmenter(detector_of(settings), settings.vad)
    floor = noise_floor(sound, ms_to_samples(settings.vad.tail_ms))
    padded = np.concatenate([sound, floor])
    post_roll = ms_to_samples(settings.vad.post_roll_ms)
    for start in range(0, len(padded), BLOCK_SAMPLES):
        for event in segmenter.feed(padded[start : start + BLOCK_SAMPLES]):
            if isinstance(event, Pause):
                yield min(event.sample + post_roll, len(sound))


def cut(ends: Sequence[int], least_ms: float, ear: Ear) -> tuple[Part[tuple[int, int]], ...]:
    """The parts at the last of the pauses; only they are heard."""
    settling: Settling[tuple[int, int]] = Settling(SettlingOptions(least_ms))
    parts: tuple[Part[tuple[int, int]], ...] = ()
    for end in ends:
        parts = settling.pause(0, end, lambda first, last: (first, last))
    for part in parts:
        ear.hear(*part.heard)
    return parts


def outcome(
    row: Recording, ends: Sequence[int], least_ms: float, ear: Ear, first: FirstEar
) -> Outcome:
    """Hear one recording in one way."""
    parts = cut(ends, least_ms, ear)
    heard = [Part(p.start_sample, p.end_sample, ear.hear(*p.heard)) for p in parts]
    text = " ".join(part.heard[0].text for part in heard if part.heard)
    judgement = judge_parts(first.judge, heard, first.log_probs(row), first.timing)
    rest_s = ear.heard[parts[-1].heard][1]
    return Outcome(len(parts), count_errors(row.transcript, text), judgement, rest_s)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Of all recordings, cut in one way."""
    rest_s = np.array([one.rest_cpu_s for one in outcomes])
    errors = sum((one.errors for one in outcomes), Errors())
    believed = [one.judgement.fit is not None for one in outcomes]
    return {
        "parts": round(float(np.mean([one.parts for one in outcomes])), 2),
        "wer": round(errors.wer, 4),
        "believed": round(float(np.mean(believed)), 3),
        "rest_cpu_s": {f"p{p}": round(float(np.percentile(rest_s, p)), 3) for p in (50, 95)},
        "rest_within": {f"{s} s": round(float((rest_s < s).mean()), 3) for s in BUDGETS_S},
    }


def measure(
    rows: Sequence[Recording], name: str, progress: Callable[[int], None]
) -> dict[str, Any]:
    """By least length; the whole last."""
    settings, first = load_settings(), FirstEar()
    ear = open_second_ear(name, cache_dir())
    ear.hear(np.zeros(ms_to_samples(1000), np.float32))
    found: dict[str, list[Outcome]] = {}
    for number, row in enumerate(rows):
        sound = read_audio(row.path)
        heard, ends = Ear(ear, sound), list(pauses(sound, settings)) or [len(sound)]
        for least_ms in (*LEAST_MS, WHOLE_MS):
            way = "whole" if least_ms == WHOLE_MS else f"parts of {least_ms / 1000:g} s"
            found.setdefault(way, []).append(outcome(row, ends, least_ms, heard, first))
        progress(number + 1)
    return {"n": len(rows), **{way: figures(some) for way, some in found.items()}}


def main() -> None:
    """Hear, compare, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", action="append", help="tables [train]")
    parser.add_argument("--limit", type=int, help="of each table, only so many")
    parser.add_argument("--ear", default="tiny.en", help="the second ear")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    report = {}
    for table in arguments.table or ["train"]:
        rows = [r for r in read_table(DATA / f"{table}.tsv") if r.transcript]
        rows = [row for row in rows if float(row.columns["seconds"]) > LONG_S]
        rows = draw(rows, arguments.limit, 0)
        report[table] = measure(
            rows, arguments.ear, lambda done: print(f"\r{done}", end="", flush=True)
        )
        print(f"\r{table}: n {report[table]['n']}")
        for way, part in list(report[table].items())[1:]:
            print(f"  {way:16}", "  ".join(f"{key} {value}" for key, value in part.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
