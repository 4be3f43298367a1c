"""What an answer costs as utterances grow: CPU milliseconds of each stage by seconds of speech.

Recordings of ``speech.tsv`` joined and cut at so many seconds; each is decoded, read with the beam
and the language model, and searched among the demo books, as the server does at a pause, on one
thread. Medians over a few utterances of each length. Beside it what one look while one speaks costs
the encoder (cached convolutions).

    scripts/bench_length --json length.json --picture length.png
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from streaming import DATA, cpu_ms

from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.folder import find_model
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.ngram_file import load_ngram
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.clock import Stopwatch
from speechsearch.config import default_models_dir, load_settings
from speechsearch.pipeline import Finder, Pipeline, Spoken
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.server.assemble import ENGLISH, demo_index
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Utterance

LENGTHS_S = (1, 2, 3, 5, 7, 10, 15)
LOOK = SAMPLE_RATE_HZ // 4
STAGES = ("decode", "hypothesis", "search")


def finder_of(info: ModelInfo) -> Finder:
    """The demo books, and the beam with the language model that is shipped."""
    letters = info.vocabulary
    columns = {**letters.ids, " ": letters.delimiter_id}
    index = EmbeddedIndex.open(demo_index())
    ranker = Ranker(index, columns, RankingOptions(blank=letters.blank_id))
    words = load_ngram(default_models_dir() / ENGLISH)
    return Finder(ranker, BeamDecoder(letters, info.timing, words)).warm_up()


def answer_ms(pipeline: Pipeline, sound: Audio) -> dict[str, float]:
    """CPU of each stage of one answer."""
    spoken = Spoken(Utterance(1, sound, 0), len(sound))
    log_probs = pipeline.model.log_probs(sound)
    watch = Stopwatch(time.thread_time)
    pipeline.conclude(spoken, log_probs, watch)
    return {"decode": cpu_ms(lambda: pipeline.model.log_probs(sound)), **watch.laps_ms}


def look_ms(model: OnnxAcousticModel, sound: Audio) -> float:
    """CPU of the last of the looks while one speaks."""
    listening = model.listen()
    for end in range(LOOK, len(sound), LOOK):
        listening.log_probs(sound[:end])
    return cpu_ms(lambda: listening.log_probs(sound))


def draw(report: Sequence[dict[str, Any]], out: Path) -> None:
    """Stages on top of one another, the look beside them."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    seconds = [one["seconds"] for one in report]
    axes.stackplot(seconds, *([one[stage] for one in report] for stage in STAGES), labels=STAGES)
    axes.plot(seconds, [one["look"] for one in report], "k--", label="a look while speaking")
    axes.set(xlabel="speech, s", ylabel="CPU, ms", xlim=(0, None), ylim=(0, None))
    axes.legend()
    figure.savefig(out, dpi=120)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, default=8, help="of each length")
    parser.add_argument("--model", default="", help="acoustic model")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="draw it")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    with (DATA / "speech.tsv").open(newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    joined = np.concatenate([read_audio(DATA / line["path"]) for line in lines])
    name = arguments.model or load_settings().asr.model
    model = OnnxAcousticModel.load(find_model(name, [default_models_dir()]), 1)
    model.warm_up()
    pipeline, report = Pipeline(model, finder_of(model.info)), []
    for seconds in LENGTHS_S:
        size = seconds * SAMPLE_RATE_HZ
        sounds = [joined[i * size : (i + 1) * size] for i in range(arguments.utterances)]
        costs = [{**answer_ms(pipeline, s), "look": look_ms(model, s)} for s in sounds]
        median = {key: round(float(np.median([c[key] for c in costs])), 1) for key in costs[0]}
        report.append({"seconds": seconds, **median})
        print(report[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.picture:
        draw(report, arguments.picture)


if __name__ == "__main__":
    main()
