"""What the decoder makes of the letters: greedy, beam, with the language model, with a catalogue.

Whole recordings of ``speech.tsv`` and ``phrases.tsv`` through the acoustic model, then each decoder
on the same log-probs; word and character error rates with 95 % bootstrap intervals over recordings,
how many texts are right as a whole, and the time that it takes (one thread), the search included
where titles are.

- ``general``: the language model that is shipped
- ``titles``: a model of the catalogue's titles instead, made here
- ``own``: the general one and the titles that the search finds among all distinct sentences of
  ``phrases.tsv``'s corpus, as the product reads
- ``books``: the same among 10,000 titles that nobody asks for: the harm

    scripts/bench_decoding
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.kneser_ney import BuildOptions, build
from speechsearch.asr.ngram_file import load_ngram
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.wer import count_errors, normalise
from speechsearch.audio.player import read_audio
from speechsearch.clock import Stopwatch
from speechsearch.config import default_models_dir
from speechsearch.pipeline import Finder, Pipeline
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker
from speechsearch.search.spelling import letters, spellings
from speechsearch.types import Entry, LogProbs, Utterance

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NO_SOUND = Utterance(1, np.zeros(0, np.float32), 0)
"""The log-probs are there already"""
Read = Callable[[LogProbs], str]


def rows(table: str) -> list[dict[str, str]]:
    """The rows of one of the tables."""
    with (DATA / table).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def catalogues() -> dict[str, list[str]]:
    """Titles as they are spoken."""
    own = {row["transcript"] for row in rows("phrases.tsv")} | {
        row["transcript"] for row in rows("train.tsv") if "speechocean" in row["path"]
    }
    books = {s for row in rows("catalogues/goodbooks10k.tsv") for s in spellings(row["title"])}
    return {"own": sorted(map(letters, own)), "books": sorted(books)}


def readers(model: OnnxAcousticModel, folder: Path) -> dict[str, Read]:
    """Every way to read an utterance; indexes go into ``folder``."""
    info = model.info
    general = load_ngram(default_models_dir() / "english-words" / "words.npz")

    def plain(log_probs: LogProbs) -> str:
        return greedy(log_probs, info.vocabulary, info.timing).text

    def beam(decoder: BeamDecoder) -> Read:
        decoder.warm_up()
        return lambda log_probs: decoder.decode(log_probs)[0].hypothesis.text

    def found(name: str) -> Read:
        build_index([Entry(title, title) for title in titles[name]], folder / name)
        words = {word for title in titles[name] for word in title.split()}
        letters = {**info.vocabulary.ids, " ": info.vocabulary.delimiter_id}
        ranker = Ranker(EmbeddedIndex.open(folder / name), letters)
        finder = Finder(ranker, BeamDecoder(info.vocabulary, info.timing, general, words))
        pipeline = Pipeline(model, finder.warm_up())
        return lambda log_probs: pipeline.read(NO_SOUND, log_probs, Stopwatch()).text

    titles = catalogues()
    small = build([t.split() for t in titles["own"]], BuildOptions(), _singles(general))
    return {
        "greedy": plain,
        "beam": beam(BeamDecoder(info.vocabulary, info.timing)),
        "general": beam(BeamDecoder(info.vocabulary, info.timing, general)),
        "titles": beam(BeamDecoder(info.vocabulary, info.timing, small)),
        "own": found("own"),
        "books": found("books"),
    }


def _singles(model: Any) -> dict[str, float]:
    """The single words of a model with their probabilities."""
    pairs = zip(model.words, model.unigrams, strict=True)
    return {word: float(np.exp(nats)) for word, nats in pairs if word[0] != "<"}


def measure(table: list[dict[str, str]], heard: Sequence[LogProbs], read: Read) -> dict[str, Any]:
    """Errors and times of one way to read."""
    read(heard[0])
    texts, times_ms = [], []
    for log_probs in heard:
        began_s = time.perf_counter()
        texts.append(read(log_probs))
        times_ms.append((time.perf_counter() - began_s) * 1000)
    pairs = [(row["transcript"], text) for row, text in zip(table, texts, strict=True)]
    errors = [count_errors(*pair) for pair in pairs]
    counts = np.array([[e.word_errors, e.words, e.letter_errors, e.letters] for e in errors])
    random = np.random.default_rng(0)
    drawn = counts[random.integers(0, len(counts), (1000, len(counts)))].sum(axis=1)
    whole = counts.sum(axis=0)
    right = sum(normalise(said) == normalise(text) for said, text in pairs)
    middle = [t for t, row in zip(times_ms, table, strict=True) if 3 <= float(row["seconds"]) <= 5]
    return {
        "n": len(pairs),
        "wer": round(whole[0] / whole[1], 4),
        "wer_95": [round(x, 3) for x in np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])],
        "cer": round(whole[2] / whole[3], 4),
        "sentence_accuracy": round(right / len(pairs), 4),
        "ms_3_to_5_s": {f"p{p}": round(float(np.percentile(middle, p)), 1) for p in (50, 95)},
    }


def show(name: str, way: str, r: dict[str, Any]) -> None:
    """A table and a way to read, in a line."""
    low, high = r["wer_95"]
    spent = "  ".join(f"{p} {ms}" for p, ms in r["ms_3_to_5_s"].items())
    print(
        f"{name:8} {way:8} n {r['n']}  WER {r['wer']:.3f} ({low:.3f}-{high:.3f})  "
        f"CER {r['cer']:.3f}  right {r['sentence_accuracy']:.3f}  3 to 5 s: {spent} ms",
        flush=True,
    )


def main() -> None:
    """A line for each table and way to read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        ways = readers(model, Path(folder))
        for name in ("speech", "phrases"):
            table = rows(f"{name}.tsv")
            heard = [model.log_probs(read_audio(DATA / row["path"])) for row in table]
            for way, read in ways.items():
                report[f"{name} {way}"] = r = measure(table, heard, read)
                show(name, way, r)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
