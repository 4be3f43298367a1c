"""What the second ear's constants rest on: chosen on train.tsv, on no row of an evaluation table.

``windows``: what Whisper says of sentences with each length of silence after them, and what it
costs (``QUIET_S`` in ``asr/whisper.py``).

``guard``: how its right readings fit the first ear's log-probs, and how texts fit that were said in
another recording, which is what an invented text is (the limits in ``asr/plausible.py``). The
first ear knows these recordings by heart, so it hears them in noise as loud as makes it err as on
strangers: about half of the words.

``hits``: whether the titles found with the second ear's words are better than the first answer's,
among all sentences of the table, clean and in that noise.

    .venv/bin/python scripts/bench/second_ear_choose.py windows guard hits
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import DATA
from second_ear_hear import open_ear

from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.plausible import Judge, align
from speechsearch.asr.second_ear import Reheard, said_once
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.asr.whisper import QUIET_S
from speechsearch.audio.player import read_audio
from speechsearch.config import cache_dir, load_settings
from speechsearch.learning.conditions import Condition, ConditionOptions
from speechsearch.learning.table import Recording, draw, read_table
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Audio, Entry

SPOKEN, READ = 150, 150
"""Short sentences of Mandarin speakers, half of them children; sentences read by natives"""
QUIET = ("2", "4", "8", "14", "whole")
LOSSES = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
WORD_LOSSES = (8.0, 10.0, 12.0, 16.0)
Heard = dict[str, dict[str, Any]]


def rows_of(kind: str, every: int) -> list[Recording]:
    """The recordings that everything is chosen on: ``spoken`` or ``read``."""
    rows = [row for row in read_table(DATA / "train.tsv") if row.transcript]
    most = {"spoken": SPOKEN, "read": READ}[kind]
    return draw([r for r in rows if ("speechocean" in r.name) == (kind == "spoken")], most, 0)[
        ::every
    ]


def changed(row: Recording, snr_db: float | None) -> Audio:
    """The sound of a recording, in noise where that is wanted."""
    return Condition(ConditionOptions(snr_db=snr_db)).apply(read_audio(row.path), row.name)


def hear(rows: Sequence[Recording], quiet: str, snr_db: float | None, folder: Path) -> Heard:
    """All that Whisper says, by recording; what is written down is not heard again."""
    out = folder / f"train_{quiet}_{snr_db}.jsonl"
    lines = map(json.loads, out.read_text().splitlines()) if out.exists() else ()
    done = {line["name"]: line for line in lines}
    left = [row for row in rows if row.name not in done]
    ear = open_ear(f"tiny.en:5:{quiet}") if left else None
    with out.open("a") as file:
        for row in left if ear else ():
            sound = changed(row, snr_db)
            before_s = time.process_time()
            readings = [astuple(reading) for reading in ear.hear(sound)]
            cpu_s = time.process_time() - before_s
            done[row.name] = {"name": row.name, "cpu_s": cpu_s, "readings": readings}
            file.write(json.dumps(done[row.name]) + "\n")
    return done


def readings(line: dict[str, Any]) -> list[Reheard]:
    """What was said of a recording."""
    return [Reheard(*reading) for reading in line["readings"]]


def text_of(line: dict[str, Any]) -> str:
    """The likeliest reading."""
    return next((reading.text for reading in readings(line)), "")


def windows(folder: Path, every: int) -> None:
    """A line for each length of silence and kind of sentence."""
    for quiet in QUIET:
        for kind in ("spoken", "read"):
            rows = rows_of(kind, every)
            heard = hear(rows, quiet, None, folder)
            errors = sum(
                (count_errors(r.transcript, text_of(heard[r.name])) for r in rows), Errors()
            )
            longer = sum(
                len(text_of(heard[r.name]).split()) > 1.5 * len(r.transcript.split()) + 1
                for r in rows
            )
            cpu_s = np.mean([heard[row.name]["cpu_s"] for row in rows])
            print(
                f"silence {quiet:5} {kind:6} n {len(rows)}  WER {errors.wer:.3f}  "
                f"CER {errors.cer:.3f}  too long {longer}  CPU {cpu_s:.3f} s each",
                flush=True,
            )


class FirstEar:
    """The acoustic model, its guard's judge, and its greedy text."""

    def __init__(self) -> None:
        settings = load_settings()
        folder = find_model(settings.asr.model, [settings.models_dir])
        self.model = OnnxAcousticModel.load(folder, threads=1)
        self.info = self.model.info
        self.judge = Judge(self.info.vocabulary, self.info.timing)

    def text(self, log_probs: Any) -> str:
        """The best letter of each frame."""
        return greedy(log_probs, self.info.vocabulary, self.info.timing).text

    def fit(self, text: str, log_probs: Any) -> tuple[float, float]:
        """Nats a letter that a text costs, and its least likely word."""
        fits = [
            fit
            for said in (text, said_once(text))
            if (fit := align(said, log_probs, self.info.vocabulary, self.info.timing))
        ]
        best = min(fits, key=lambda fit: fit.loss_nats, default=None)
        return (best.loss_nats, best.worst_word_nats) if best else (np.inf, np.inf)


def guard(folder: Path, every: int, snr_db: float) -> None:
    """How right and invented texts fit."""
    first, quiet = FirstEar(), f"{QUIET_S:.0f}"
    rows = rows_of("spoken", every) + rows_of("read", every)
    heard = hear(rows, quiet, None, folder)
    for noise_db in (None, snr_db):
        log_probs = {r.name: first.model.log_probs(changed(r, noise_db)) for r in rows}
        errors = sum(
            (count_errors(r.transcript, first.text(log_probs[r.name])) for r in rows), Errors()
        )
        right, invented = [], []
        for row, other in zip(rows, rows[1:] + rows[:1], strict=True):
            said = text_of(heard[row.name])
            if said and count_errors(row.transcript, said).cer <= 0.25:
                right.append(first.fit(said, log_probs[row.name]))
            invented.append(first.fit(text_of(heard[other.name]), log_probs[row.name]))
        print(f"noise {noise_db} dB, first ear WER {errors.wer:.3f}, right n {len(right)}")
        for name, fits in (("right", right), ("invented", invented)):
            loss, word = np.array(fits).T
            shares = [1, 5, 25, 50, 75, 95, 99]
            print(f"  {name:8} loss {shares} % {np.percentile(loss, shares).round(2)}")
            print(f"  {name:8} word {shares} % {np.percentile(word, shares).round(2)}")
        for most in LOSSES:
            for worst in WORD_LOSSES:
                kept, believed = (
                    np.mean([loss <= most and word <= worst for loss, word in fits])
                    for fits in (right, invented)
                )
                print(f"  {most} {worst:4}: right kept {kept:.3f} invented believed {believed:.3f}")


def hits(folder: Path, every: int, snr_db: float) -> None:
    """First hits by the first ear's text and by the second's, the sound the same."""
    first, quiet, rows = FirstEar(), f"{QUIET_S:.0f}", rows_of("spoken", every)
    titles = {r.transcript for r in read_table(DATA / "train.tsv") if "speechocean" in r.name}
    with tempfile.TemporaryDirectory() as name:
        build_index([Entry(title, title) for title in sorted(titles)], Path(name) / "index")
        letters = first.info.vocabulary
        columns = {**letters.ids, " ": letters.delimiter_id}
        ranker = Ranker(EmbeddedIndex.open(Path(name) / "index"), columns)
        for noise_db in (None, snr_db, snr_db - 5):
            heard = hear(rows, quiet, noise_db, folder)
            came: Counter[str] = Counter()
            for row in rows:
                log_probs = first.model.log_probs(changed(row, noise_db))
                fit = first.judge.judge(readings(heard[row.name]), log_probs).fit
                before = ranker.answer(first.text(log_probs), log_probs)
                after = ranker.answer(fit.hypothesis.text, log_probs) if fit else before
                was, becomes = (
                    "none" if not found.hits
                    else "right" if found.hits[0].title == row.transcript else "wrong"
                    for found in (before, after)
                )  # fmt: skip
                came[f"{was} -> {becomes}"] += 1
            print(f"noise {noise_db} dB  {dict(sorted(came.items()))}", flush=True)


def main() -> None:
    """Take the steps asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", nargs="+", choices=["windows", "guard", "hits"])
    parser.add_argument("--snr", type=float, default=5.0, help="noise, dB under the speech")
    parser.add_argument("--every", type=int, default=1, help="only each Nth recording")
    parser.add_argument("--kept", type=Path, help="folder of what Whisper said [the cache]")
    asked = parser.parse_args()
    folder = asked.kept or cache_dir() / "second-ear"
    folder.mkdir(parents=True, exist_ok=True)
    if "windows" in asked.step:
        windows(folder, asked.every)
    if "guard" in asked.step:
        guard(folder, asked.every, asked.snr)
    if "hits" in asked.step:
        hits(folder, asked.every, asked.snr)


if __name__ == "__main__":
    main()
