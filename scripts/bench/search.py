"""Time the index and the sound scorer at several sizes of catalogue.

Titles of Project Gutenberg; sound from the sentences of ``speech.tsv``, cut to 3 s and 5 s; the
scorer runs on one thread. ``index`` is building and writing, ``open`` reading it back and packing
the spellings, ``text`` one typed query, ``sound`` one utterance against all titles (or, over the
limit of RankingOptions, against the text's shortlist).

    scripts/bench_search
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.types import SAMPLE_RATE_HZ, Entry, LogProbs

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SIZES = (500, 5000)
LENGTHS_S = (3, 5)
UTTERANCES = 30


def milliseconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000


def titles(size: int) -> list[Entry]:
    """Entries with distinct titles."""
    with (DATA / "catalogues" / "gutenberg_titles.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    distinct = {row["title"]: row for row in rows}
    return [
        Entry(row["id"], title, fields={"author": row["authors"]})
        for title, row in list(distinct.items())[:size]
    ]


def utterances(model: OnnxAcousticModel, length_s: int) -> list[LogProbs]:
    """Log-probs of recordings of exactly this length."""
    with (DATA / "speech.tsv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if float(r["seconds"]) > length_s]
    sounds = [read_audio(DATA / row["path"])[: length_s * SAMPLE_RATE_HZ] for row in rows]
    return [model.log_probs(sound) for sound in sounds[:UTTERANCES]]


def measure(size: int, model: OnnxAcousticModel) -> dict[str, Any]:
    """Times at one size."""
    entries, letters = titles(size), model.info.vocabulary
    vocabulary = {**letters.ids, " ": letters.delimiter_id}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "index"
        report: dict[str, Any] = {"titles": len(entries)}
        report["index_ms"] = round(milliseconds(lambda: build_index(entries, out)), 1)
        began_s = time.perf_counter()
        ranker = Ranker(EmbeddedIndex.open(out), vocabulary)
        report["open_ms"] = round((time.perf_counter() - began_s) * 1000, 1)
        everything = Ranker(ranker.index, vocabulary, replace(RankingOptions(), most_cells=10**12))
    ranker.warm_up()
    typed = [milliseconds(lambda e=e: ranker.rank(e.title, None)) for e in entries[:200]]
    report["text_ms"] = {f"p{p}": round(float(np.percentile(typed, p)), 2) for p in (50, 99)}
    for length_s in LENGTHS_S:
        heard = utterances(model, length_s)
        for name, chosen in (("sound", ranker), ("sound_all", everything)):
            times = [milliseconds(lambda h=h, c=chosen: c.rank("", h)) for h in heard]
            report[f"{name}_{length_s}s_ms"] = {
                f"p{p}": round(float(np.percentile(times, p)), 1) for p in (50, 99)
            }
    return report


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
    reports = [measure(size, model) for size in SIZES]
    for report in reports:
        print("  ".join(f"{name} {value}" for name, value in report.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main()
