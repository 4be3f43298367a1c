"""What ending early costs, and how well it is repaired: offline, on the audio's clock.

The curve: each table's recordings, each followed by its own noise floor, cut by the product's
endpointer and judged by the product's pipeline at every pause, for hangovers of 160 to 640 ms and
for each tier of ``turns.allow`` alone and all together; beside them a tier that was tried and left
out, the hangover counted from the last letter heard. Early: an endpoint over 50 ms before t0.
Answers take no time here: ``bench_latency`` measures them. Rows whose t0 is doubtful (spread over
0.3 s) are left out. Each file is a session of its own.

The habit (``--sessions``): the files of each speaker one after the other in one session.

The repair (``--repair``): pairs of stretches of speech that are one sentence or two queries,
decided against a catalogue that knows the phrases and against the demo books, which know none.

    scripts/bench_endpoint --cache CACHE --json endpoint.json --picture endpoint.png
    scripts/bench_endpoint --cache CACHE --sessions --json endpoint.json
    scripts/bench_endpoint --cache CACHE --repair --json endpoint.json
    scripts/bench_endpoint --cache CACHE --fit
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from endpoint_curve import Case, Stand, curve, habits
from endpoint_fit import fit
from endpoint_memory import (
    Memory,
    RememberingModel,
    RememberingPipeline,
    digest,
    probabilities,
)
from endpoint_pairs import (
    GAPS_MS,
    Pair,
    Recording,
    at_word,
    pauses,
    speech_spans,
    stretched,
    twos,
    with_noise,
)
from endpoint_repair import confusion, decide_all
from endpoint_report import draw, show
from endpoint_simulation import Track

from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.folder import find_model
from speechsearch.asr.ngram_file import load_ngram
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.client.voices import detector_of
from speechsearch.config import default_models_dir, load_settings
from speechsearch.pipeline import Finder, Spoken
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.search.spelling import spellings
from speechsearch.server.assemble import demo_index, pipeline_options
from speechsearch.turns import WordEvidence
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Entry, Utterance

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DOUBTFUL_S = 0.3
TAIL_S = 3.0
LAST_S = 0.1
"""Speech that begins so shortly before t0, or after it, is none"""
TWOS = {"phrases": 600, "speech": 150, "commands": 300}
"""Pairs of sentences; those of orders, which name no speaker, are of two people"""
EVERY = {"phrases": 2, "speech": 1, "commands": 1}
"""Of the sentences without any pause, so many-th are cut at a word"""
SAFETY = (2.0, 2.5, 2.75, 3.0)
"""Taken off the fitted offset"""
NOISES = 4
"""Sentences for each burst of noise and table"""
Row = dict[str, str]


def rows_of(table: str) -> list[Row]:
    """The rows of a table, paths made absolute."""
    with (DATA / table).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{**row, "path": str(DATA / row["path"])} for row in rows]


def trusted(table: str) -> list[Row]:
    """Rows whose label of t0 is certain."""
    rows = rows_of(table)
    return [r for r in rows if r["t0"] and float(r["t0_spread"] or 0) <= DOUBTFUL_S]


def progress(text: str) -> None:
    """One line that is written over, where somebody watches."""
    if sys.stdout.isatty():
        print(f"\r{text:60}", end="", flush=True)


class Bench:
    """The product's parts, each asked once for each sound."""

    def __init__(self, memory: Memory) -> None:
        self.settings = load_settings()
        self.memory = memory
        self.detector = detector_of(self.settings)
        folder = find_model(self.settings.asr.model, [self.settings.models_dir])
        self.model = RememberingModel(OnnxAcousticModel.load(folder, 1), memory)
        self._english = load_ngram(default_models_dir() / "english-words" / "words.npz")

    def pipeline(self, index_folder: Path) -> RememberingPipeline:
        """As the server makes it for an index."""
        info, index = self.model.info, EmbeddedIndex.open(index_folder)
        letters = info.vocabulary
        titles = [t for entry in index.entries for t in spellings(entry.title, entry.aliases)]
        options = RankingOptions(limit=self.settings.search.limit, blank=letters.blank_id)
        ranker = Ranker(index, {**letters.ids, " ": letters.delimiter_id}, options)
        names = {word for title in titles for word in title.split()}
        beam = BeamDecoder(letters, info.timing, self._english, names)
        return RememberingPipeline(
            self.model,
            Finder(ranker, beam).warm_up(),
            pipeline_options(self.settings),
            digest(*(title.encode() for title in titles)),
            self.memory,
        )

    def track(self, path: str) -> Track:
        """A recording and its noise floor, heard by the detector."""
        sound = read_audio(Path(path))
        sound = np.concatenate([sound, noise_floor(sound, round(TAIL_S * SAMPLE_RATE_HZ))])
        heard = probabilities(sound, self.detector, self.memory)
        return Track(sound, heard, self.detector.frame_samples)

    def cases(self, rows: Sequence[Row]) -> list[Case]:
        """Recordings with a label."""
        return [Case(self.track(r["path"]), float(r["t0"]), r.get("speaker", "")) for r in rows]


@contextmanager
def sentences_index() -> Iterator[Path]:
    """An index of all distinct sentences that the phrases' corpus has."""
    rows = [*rows_of("train.tsv"), *rows_of("phrases.tsv")]
    titles = sorted({row["transcript"] for row in rows if "speechocean" in row["source"]})
    with tempfile.TemporaryDirectory() as folder:
        build_index([Entry(title, title) for title in titles], Path(folder) / "index")
        yield Path(folder) / "index"


def curves(bench: Bench) -> dict[str, Any]:
    """A curve for each table, each file a session of its own."""
    report, vad = {}, bench.settings.vad
    books = bench.pipeline(demo_index())
    for table in ("commands", "speech"):
        cases = bench.cases(trusted(f"{table}.tsv"))
        say = partial(_said, table)
        report[table] = curve(Stand(cases, books, vad), say)
        bench.memory.save()
    return report


def long_sessions(bench: Bench) -> dict[str, Any]:
    """What a habit of pausing does where a speaker's files follow one another in one session."""
    cases = [case for case in bench.cases(trusted("speech.tsv")) if case.speaker]
    stand = Stand(cases, bench.pipeline(demo_index()), bench.settings.vad)
    return {"speech": habits(stand, partial(_said, "speech"))}


def _said(table: str, text: str) -> None:
    progress(f"{table}: {text}")


def recordings(bench: Bench, table: str) -> list[Recording]:
    """Those whose end of speech is certain, with the speech up to it."""
    found = []
    for row in trusted(f"{table}.tsv"):
        track = bench.track(row["path"])
        spans = speech_spans(track.probabilities, track.frame_samples)
        spoken = tuple(s for s in spans if s[0] < (float(row["t0"]) - LAST_S) * SAMPLE_RATE_HZ)
        who, said = row.get("speaker", row["path"]), row.get("transcript", row["path"])
        found.append(Recording(track.samples, said, who, table, spoken or spans[:1]))
    return found


def pairs_of(bench: Bench, table: str, reader: RememberingPipeline) -> list[Pair]:
    """Every sentence cut once, at a pause of its own where it has one; two sentences; noise."""
    said, random, pairs = recordings(bench, table), np.random.default_rng(0), list[Pair]()
    usual_ms = bench.settings.turns.usual_ms
    for place, one in enumerate(said):
        progress(f"{table}: cutting {place}")
        gap_ms = GAPS_MS[place % len(GAPS_MS)]
        cut = list(pauses(one, usual_ms)) or list(stretched(one, usual_ms, gap_ms))
        if not cut and place % EVERY[table] == 0:
            whole = reader.answer(Spoken(Utterance(1, one.samples, 0), one.spans[-1][1])).result
            words = whole.hypotheses[0].words if whole.hypotheses else ()
            cut = list(at_word(one, words, gap_ms, random))
        pairs += cut
    pairs += two_sentences(said, table)
    for place, burst in enumerate(bursts(bench) * NOISES):
        one = said[int(random.integers(len(said)))]
        pairs += with_noise(one, burst, GAPS_MS[place % len(GAPS_MS)])
    return pairs


def two_sentences(said: Sequence[Recording], table: str) -> list[Pair]:
    """Those of orders are of anybody, of the fitted half and of the other in turn."""
    if table != "commands":
        return list(twos(said, TWOS[table], seed=1))
    pairs = twos([replace(one, speaker="") for one in said], TWOS[table], seed=1)
    return [replace(pair, speaker=f"orders {place % 2}") for place, pair in enumerate(pairs)]


def bursts(bench: Bench) -> list[Audio]:
    """What the detector takes for speech in recordings of noise."""
    found = []
    for row in rows_of("noise.tsv"):
        if row["kind"] == "rir":
            continue
        sound = read_audio(Path(row["path"]))[: 60 * SAMPLE_RATE_HZ]
        heard = probabilities(sound, bench.detector, bench.memory)
        for start, end in speech_spans(heard, bench.detector.frame_samples):
            found.append(sound[start : min(end, start + 2 * SAMPLE_RATE_HZ)])
    return found


def repair(bench: Bench, choose: bool) -> dict[str, Any]:
    """The confusion tables; or what ``turns.WordEvidence`` should be."""
    books = bench.pipeline(demo_index())
    pairs = {table: pairs_of(bench, table, books) for table in TWOS}
    everything = [pair for table in pairs.values() for pair in table]
    if choose:
        weights = fit(everything, books, partial(_said, "fit"))
        spoken = [pair for pair in everything if pair.truth != "noise"]
        return {"fitted": weights, "choice": choice(spoken, books, weights)}
    report = {"knows none": confusion(decide_all(everything, books, partial(_said, "knows none")))}
    bench.memory.save()
    with sentences_index() as index:
        knows = bench.pipeline(index)
        say = partial(_said, "knows them")
        report["knows them"] = confusion(decide_all(pairs["phrases"], knows, say))
    return {"repair": report}


def choice(
    pairs: Sequence[Pair], pipeline: RememberingPipeline, weights: dict[str, float]
) -> list[dict[str, Any]]:
    """What each ``SAFETY`` taken off the fitted offset joins and keeps apart."""
    found = []
    for safety in SAFETY:
        progress(f"safety {safety}")
        offset = round(weights["offset"] - safety, 2)
        turns = replace(pipeline.options.turns, words=WordEvidence(**{**weights, "offset": offset}))
        cells = confusion(decide_all(pairs, pipeline.judging(turns), lambda _: None))
        found.append({"safety": safety, "offset": offset, "cells": cells})
    return found


def main() -> None:
    """Measure, show, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", action="store_true", help="the habit, nothing else")
    parser.add_argument("--repair", action="store_true", help="joined or apart, nothing else")
    parser.add_argument("--fit", action="store_true", help="print the weights of WordEvidence")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep what the parts answer")
    parser.add_argument("--json", type=Path, metavar="OUT", help="add to the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="draw the curves")
    asked = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    bench = Bench(Memory(asked.cache))
    if asked.repair or asked.fit:
        report = repair(bench, asked.fit)
    elif asked.sessions:
        report = {"long_sessions": long_sessions(bench)}
    else:
        report = {"curves": curves(bench)}
    bench.memory.save()
    show(report)
    if asked.json:
        known = json.loads(asked.json.read_text()) if asked.json.exists() else {}
        asked.json.write_text(json.dumps({**known, **report}, indent=1))
    if asked.picture and "curves" in report:
        draw(report["curves"], asked.picture)


if __name__ == "__main__":
    main()
