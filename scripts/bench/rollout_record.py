"""Record what models of several degrees of health make of the same utterances, one by one.

Every recording of ``phrases.tsv`` is answered from all distinct sentences of its corpus (model,
ranking and beam in process, whole files), once by the embedded model and once by each copy of it
whose int8 matrix weights were disturbed: Gaussian noise of so many standard deviations of their
column, or (``broken``) shuffled. What comes out holds numbers only, no sound and no text:
``scripts/bench_rollout`` draws its arms from it.

    .venv/bin/python scripts/bench/rollout_record.py --out scripts/bench/results/rollout_arms.npz
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rollout_models import DISTURBERS, disturbed

from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.folder import ModelFolder, find_model
from speechsearch.asr.ngram_file import load_ngram
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.wer import count_errors, disagreement
from speechsearch.audio.player import read_audio
from speechsearch.clock import Stopwatch
from speechsearch.config import default_models_dir
from speechsearch.pipeline import Finder, Pipeline
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Entry, Result, Utterance

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HEALTHY = "healthy"


def table(name: str) -> list[dict[str, str]]:
    """The rows of the corpus that both tables are of."""
    with (DATA / name).open(newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    return [row for row in found if "speechocean" in row["source"]]


class Recorder:
    """One catalogue, one list of recordings; ``record`` lets a model answer them all."""

    def __init__(self, folder: ModelFolder, scratch: Path, limit: int) -> None:
        self.rows = table("phrases.tsv")[:: max(1, 1100 // limit)]
        self._sounds = [read_audio(DATA / row["path"]) for row in self.rows]
        self._titles = sorted(
            {r["transcript"] for r in (*table("train.tsv"), *table("phrases.tsv"))}
        )
        build_index([Entry(title, title) for title in self._titles], scratch / "index")
        letters = folder.info.vocabulary
        ranker = Ranker(
            EmbeddedIndex.open(scratch / "index"), {**letters.ids, " ": letters.delimiter_id}
        )
        words = {word for title in self._titles for word in title.split()}
        general = load_ngram(default_models_dir() / "english-words" / "words.npz")
        beam = BeamDecoder(letters, folder.info.timing, general, words)
        self._finder = Finder(ranker, beam).warm_up()
        self._champion: list[Result] = []

    def record(self, model: OnnxAcousticModel) -> dict[str, NDArray[np.float32]]:
        """Numbers of each utterance; the first model recorded is who the others disagree with."""
        pipeline = Pipeline(model, self._finder)
        results = []
        for n, sound in enumerate(self._sounds):
            said = Utterance(n, sound, 0)
            results.append(pipeline.read(said, model.log_probs(sound), Stopwatch()))
            print(f"\r{n + 1}/{len(self._sounds)}", end="", file=sys.stderr, flush=True)
        self._champion = self._champion or results
        lines = [
            numbers(row["transcript"], result, first)
            for row, result, first in zip(self.rows, results, self._champion, strict=True)
        ]
        return {name: np.array([one[name] for one in lines], np.float32) for name in lines[0]}


def numbers(said: str, result: Result, champion: Result) -> dict[str, float]:
    """What is kept of one answer."""
    errors = count_errors(said, result.text)
    first = result.hits[0].title if result.hits else ""
    top = champion.hits[0].title if champion.hits else ""
    return {
        "word_errors": errors.word_errors,
        "words": errors.words,
        "recall_at_1": first == said,
        "confidence": result.hypotheses[0].confidence if result.hypotheses else 0.0,
        "empty": not result.hypotheses,
        "zero_results": not result.hits,
        "answer_confidence": result.answer_confidence,
        "disagreement": disagreement(champion.text, result.text),
        "top_1_changed": first != top,
    }


def main() -> None:
    """Answer all with each model, write the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="NPZ", help="where they go")
    parser.add_argument("--limit", type=int, default=550, help="about so many recordings")
    parser.add_argument("--only", default="", help="arms, by commas, besides the healthy one")
    asked = parser.parse_args()
    folder = find_model("w2v2-starter", [default_models_dir()])
    wanted = asked.only.split(",") if asked.only else list(DISTURBERS)
    with tempfile.TemporaryDirectory() as scratch:
        recorder = Recorder(folder, Path(scratch), asked.limit)
        speakers = [row["speaker"] for row in recorder.rows]
        found = {"speaker": np.unique(speakers, return_inverse=True)[1].astype(np.uint16)}
        for arm in (HEALTHY, *wanted):
            model = (
                OnnxAcousticModel.load(folder)
                if arm == HEALTHY
                else disturbed(folder, DISTURBERS[arm], Path(scratch) / f"{arm}.onnx")
            )
            arrays = recorder.record(model)
            found |= {f"{arm}.{name}": values for name, values in arrays.items()}
            wer = arrays["word_errors"].sum() / arrays["words"].sum()
            rest = {name: round(float(v.mean()), 4) for name, v in arrays.items()}
            print(f"  {arm:8} n {len(speakers)}  WER {wer:.4f}  {rest}", flush=True)
            np.savez_compressed(asked.out, **found)


if __name__ == "__main__":
    main()
