"""Time the index and the ranking at several sizes of catalogue, and count what is found.

Titles: 500 and 5,000 of Project Gutenberg; 36 k films; a million made of word pairs that follow one
another in ``text/sentences`` (seeded). Sound: sentences of ``speech.tsv``, cut to 3 s and 5 s; one
thread. Each size runs in a process of its own. ``index_s`` is building and writing, ``open_ms``
reading back and setting up the ranker, ``update_ms`` one entry added, ``text`` one typed query,
``shortlist`` the triples and the forms that share them, ``spoken`` all of ranking one utterance,
words included. ``--recall`` hides the sentences of ``phrases.tsv`` and ``train.tsv`` among the
titles and asks for them: ``first`` is recall@1, ``shortlisted`` the ceiling. Times are of the
process's own CPU, so that other work on the machine is not counted.

    scripts/bench_search --json out.json
    scripts/bench_search --sizes 5000 1000000 --recall 4
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.search.embedded import EmbeddedIndex, build_index, update_index
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.search.sound import evidence
from speechsearch.search.triples import LETTERS, triple_scores
from speechsearch.types import SAMPLE_RATE_HZ, Entry, LogProbs

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FILMS = 36_000
SIZES = (500, 5000, FILMS, 1_000_000)
LENGTHS_S = (3, 5)
UTTERANCES = 30
SEED = 7


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of something."""
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1000


def spread(times_ms: list[float]) -> dict[str, float]:
    """Percentiles."""
    return {f"p{p}": round(float(np.percentile(times_ms, p)), 1) for p in (50, 95, 99)}


def table(name: str) -> list[dict[str, str]]:
    """Rows of a table of the data folder."""
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def titles(size: int) -> list[Entry]:
    """So many entries; see the module."""
    if size <= 5000:
        books = {row["title"]: row for row in table("catalogues/gutenberg_titles.tsv")}
        rows = list(books.values())[:size]
        return [Entry(row["id"], row["title"], fields={"author": row["authors"]}) for row in rows]
    if size <= FILMS:
        rows = table("catalogues/wikipedia_movies.tsv")[:size]
        return [
            Entry(f"f{n}", row["title"], fields={"year": row["year"], "cast": row["cast"]})
            for n, row in enumerate(rows)
        ]
    return [Entry(f"s{n}", title) for n, title in enumerate(synthetic(size))]


def synthetic(size: int) -> list[str]:
    """Distinct titles of two to nine words, each seen after the one before it in the sentences."""
    followers: dict[str, list[str]] = defaultdict(list)
    with gzip.open(DATA / "text" / "sentences.txt.gz", "rt") as file:
        for line in file:
            words = re.findall(r"[a-z']+", line.split("\t")[0].lower())
            for word, follower in zip(["", *words], words, strict=False):
                followers[word].append(follower)
    chance, found = random.Random(SEED), dict[str, None]()
    while len(found) < size:
        words = [chance.choice(followers[""])]
        for _ in range(chance.randint(1, 8)):
            words.append(chance.choice(followers.get(words[-1]) or followers[""]))
        found.setdefault(" ".join(words))
    return list(found)


def sentences() -> list[str]:
    """What is said in the phrases, and more of the same kind."""
    heard = [*table("phrases.tsv"), *table("train.tsv")]
    kept = {r["transcript"] for r in heard if "speechocean" in r["source"]}
    return sorted(kept)


def utterances(model: OnnxAcousticModel, length_s: int) -> list[LogProbs]:
    """Log-probs of recordings of exactly this length."""
    rows = [row for row in table("speech.tsv") if float(row["seconds"]) > length_s]
    sounds = [read_audio(DATA / row["path"])[: length_s * SAMPLE_RATE_HZ] for row in rows]
    return [model.log_probs(sound) for sound in sounds[:UTTERANCES]]


class Bench:
    """One catalogue, measured."""

    def __init__(self, size: int, recall_every: int) -> None:
        self.model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
        self.letters = self.model.info.vocabulary
        self.vocabulary = {**self.letters.ids, " ": self.letters.delimiter_id}
        self.entries = titles(size)
        self.recall_every = recall_every
        if recall_every:
            self.entries += [Entry(f"p{n}", said) for n, said in enumerate(sentences())]

    def run(self) -> dict[str, Any]:
        """All figures."""
        report: dict[str, Any] = {"titles": len(self.entries)}
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "index"
            report["index_s"] = round(
                milliseconds(lambda: build_index(self.entries, out)) / 1000, 1
            )
            version = (out / "current").resolve()
            disk = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
            report["disk_mb"] = round(disk / 1e6, 1)
            before_mb = resident_mb()
            began_s = time.process_time()
            ranker = Ranker(EmbeddedIndex.open(out), self.vocabulary)
            report["open_ms"] = round((time.process_time() - began_s) * 1000, 1)
            ranker.warm_up()
            report |= self.queries(ranker)
            report["memory_mb"] = round(resident_mb() - before_mb)
            if self.recall_every:
                report |= self.recall(ranker)
            added = [Entry("new", "the newest title")]
            report["update_ms"] = round(milliseconds(lambda: update_index(out, added)), 1)
        return report

    def queries(self, ranker: Ranker) -> dict[str, Any]:
        """Times of typed and spoken queries."""
        chosen = random.Random(SEED).sample(self.entries, 200)
        report = {
            "text_ms": spread(
                [milliseconds(lambda e=e: ranker.rank(e.title, None)) for e in chosen]
            )
        }
        for length_s in LENGTHS_S:
            heard = utterances(self.model, length_s)
            report[f"spoken_{length_s}s_ms"] = spread(
                [milliseconds(lambda h=h: ranker.rank(self.text(h), h)) for h in heard]
            )
            report[f"shortlist_{length_s}s_ms"] = spread(
                [milliseconds(lambda h=h: self.shortlisted(ranker, h)) for h in heard]
            )
        return report

    def recall(self, ranker: Ranker) -> dict[str, float]:
        """How often the sentence that is spoken is shortlisted, and found first."""
        first, near = [], []
        for row in table("phrases.tsv")[:: self.recall_every]:
            heard = self.model.log_probs(read_audio(DATA / row["path"]))
            hits = ranker.rank(self.text(heard), heard)
            first.append(bool(hits) and hits[0].title == row["transcript"])
            said = (
                ranker.index.entries[number].title for number in self.shortlisted(ranker, heard)
            )
            near.append(row["transcript"] in said)
        return {
            "phrases": len(first),
            "first": round(float(np.mean(first)), 4),
            "shortlisted": round(float(np.mean(near)), 4),
        }

    def text(self, heard: LogProbs) -> str:
        """The greedy text."""
        return greedy(heard, self.letters, self.model.info.timing).text

    def shortlisted(self, ranker: Ranker, heard: LogProbs) -> Iterable[int]:
        """Entries that share triples with the sound."""
        options = RankingOptions()
        lower = {letter.lower(): column for letter, column in self.vocabulary.items()}
        columns = np.array([lower.get(letter, -1) for letter in LETTERS])
        sound = evidence(heard, options.blank, columns, options.sound)
        triples = triple_scores(sound.frames / options.sound.scale, columns, sound.blank)
        (layer,) = ranker.index.layers
        numbers, _ = layer.shortlist.nearest(triples, options.shortlist)
        return [int(owner) for owner in layer.forms.owners[numbers]]


def resident_mb() -> float:
    """Memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--recall", type=int, default=0, metavar="N", help="every Nth phrase")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    if len(arguments.sizes) == 1:
        reports = [Bench(arguments.sizes[0], arguments.recall).run()]
    else:
        reports = [alone(size, arguments.recall) for size in arguments.sizes]
    for report in reports:
        print("  ".join(f"{name} {value}" for name, value in report.items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=1))


def alone(size: int, recall_every: int) -> dict[str, Any]:
    """One size in a process of its own, so that its memory is its own."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        options = ["--sizes", str(size), "--recall", str(recall_every), "--json", file.name]
        subprocess.run([sys.executable, __file__, *options], check=True, stdout=subprocess.DEVNULL)
        report: dict[str, Any] = json.load(file)[0]
        return report


if __name__ == "__main__":
    main()
