"""Word and character error rates, titles found, and false answers, through client, VAD and socket.

Every recording goes through ``speechsearch query``'s path at --speed 0 (all hangovers on the
audio's clock, so the cuts are those of real time).

- errors: ``speech.tsv`` by group, ``phrases.tsv`` by age; the text is that of all answers to a
  file, in order; rules of the frozen normaliser; 95 % bootstrap intervals over recordings
- titles: sentences of ``speech.tsv`` under 10 s, each among 100 others (the rest of them and
  sentences of 18 books); right when the file's longest answer has its own sentence on top
- phrases: sentences of ``phrases.tsv`` among all distinct ones of its corpus, the same way
- noise: clips of ``noise.tsv`` (room responses aside) that got any text

    scripts/bench_accuracy
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.asr.wer import Errors, count_errors
from speechsearch.client.private import private_server
from speechsearch.client.query import query_file
from speechsearch.config import load_settings
from speechsearch.search.embedded import build_index
from speechsearch.types import Entry
from speechsearch.wire import messages as m

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SHORT_S = 10.0
CATALOGUE = 101
CHILD_AGE = 16


def rows(table: str) -> list[dict[str, str]]:
    """The rows of one of the tables."""
    with (DATA / table).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


async def hear(
    table: list[dict[str, str]], model: list[str], titles: Iterable[str] = ()
) -> list[list[m.Final]]:
    """The answers to each row, against a catalogue of ``titles`` (the demo books if none)."""
    settings, heard = load_settings(), []
    with tempfile.TemporaryDirectory() as folder:
        arguments = list(model)
        entries = [Entry(title, title) for title in titles]
        if entries:
            build_index(entries, Path(folder) / "index")
            arguments += ["--index", f"{folder}/index"]
        async with private_server(arguments) as server:
            for row in table:
                answers = query_file(DATA / row["path"], server.url, settings, speed=0)
                finals = [a.message async for a in answers if isinstance(a.message, m.Final)]
                heard.append(finals)
                print(f"\r{len(heard)}/{len(table)}", end="", flush=True)
    print("\r", end="")
    return heard


def errors_of(table: list[dict[str, str]], heard: list[list[m.Final]]) -> list[Errors]:
    """Errors of each row's joined text."""
    texts = [" ".join(final.text for final in finals) for finals in heard]
    return [count_errors(row["transcript"], text) for row, text in zip(table, texts, strict=True)]


def rates(found: list[Errors]) -> dict[str, Any]:
    """WER and CER of a group with bootstrap intervals."""
    counts = np.array([[e.word_errors, e.words, e.letter_errors, e.letters] for e in found])
    random = np.random.default_rng(0)
    drawn = counts[random.integers(0, len(counts), (1000, len(counts)))].sum(axis=1)
    whole = counts.sum(axis=0)
    return {
        "n": len(found),
        "wer": round(whole[0] / whole[1], 4),
        "wer_95": [round(x, 3) for x in np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])],
        "cer": round(whole[2] / whole[3], 4),
        "cer_95": [round(x, 3) for x in np.percentile(drawn[:, 2] / drawn[:, 3], [2.5, 97.5])],
    }


def by_group(groups: list[str], found: list[Errors]) -> dict[str, dict[str, Any]]:
    """Rates of each group, largest first, and of all."""
    names = sorted(set(groups), key=groups.count, reverse=True)
    table = {n: [e for g, e in zip(groups, found, strict=True) if g == n] for n in names}
    return {name: rates(part) for name, part in {**table, "all": found}.items()}


def on_top(table: list[dict[str, str]], heard: list[list[m.Final]]) -> dict[str, Any]:
    """How often the longest answer has the row's own sentence first."""
    right = 0
    for row, finals in zip(table, heard, strict=True):
        longest = max(finals, key=lambda final: len(final.text), default=None)
        hits = longest.hits if longest else ()
        right += bool(hits) and hits[0].id == row["transcript"]
    return {"n": len(table), "right": right, "recall_at_1": round(right / len(table), 4)}


def other_sentences(wanted: set[str]) -> list[str]:
    """Sentences of books that fill a catalogue up."""
    with gzip.open(DATA / "text" / "sentences.txt.gz", "rt") as file:
        sentences = [line.split("\t")[0] for line in file]
    random = np.random.default_rng(0)
    long_enough = [s for s in sentences if 20 <= len(s) <= 150 and s not in wanted]
    return [str(s) for s in random.choice(long_enough, CATALOGUE - len(wanted), replace=False)]


async def measure(model: list[str]) -> dict[str, Any]:
    """Everything, in four passes."""
    report: dict[str, Any] = {}
    speech, phrases = rows("speech.tsv"), rows("phrases.tsv")
    report["speech"] = by_group(
        [row["group"] for row in speech], errors_of(speech, await hear(speech, model))
    )
    sentences = {row["transcript"] for row in phrases} | {
        row["transcript"] for row in rows("train.tsv") if "speechocean" in row["path"]
    }
    heard = await hear(phrases, model, sorted(sentences))
    ages = ["child" if int(row["age"]) < CHILD_AGE else "adult" for row in phrases]
    report["phrases"] = by_group(ages, errors_of(phrases, heard))
    report["phrases_on_top"] = {**on_top(phrases, heard), "titles": len(sentences)}
    short = [row for row in speech if float(row["seconds"]) < SHORT_S]
    wanted = {row["transcript"] for row in short}
    titles = [*sorted(wanted), *other_sentences(wanted)]
    report["titles_on_top"] = {
        **on_top(short, await hear(short, model, titles)),
        "titles": len(titles),
    }
    noise = [row for row in rows("noise.tsv") if row["kind"] != "rir"]
    texts = [" ".join(f.text for f in finals) for finals in await hear(noise, model)]
    report["noise"] = {
        "n": len(noise),
        "with_text": sum(bool(text) for text in texts),
        "texts": {row["path"]: text for row, text in zip(noise, texts, strict=True) if text},
    }
    return report


def show(report: dict[str, Any]) -> None:
    """The figures, for a person."""
    for table in ("speech", "phrases"):
        print(f"{table:8} group            n    WER  95 %           CER  95 %")
        for group, r in report[table].items():
            low, high = r["wer_95"]
            print(f"{'':8} {group:13} {r['n']:5}  {r['wer']:.3f}  {low:.3f}-{high:.3f}  ", end="")
            low, high = r["cer_95"]
            print(f"{r['cer']:.3f}  {low:.3f}-{high:.3f}")
    for name in ("titles_on_top", "phrases_on_top"):
        r = report[name]
        print(f"{name}: {r['right']} of {r['n']} ({r['recall_at_1']:.1%}) among {r['titles']}")
    noise = report["noise"]
    print(f"noise clips with text: {noise['with_text']} of {noise['n']}", noise["texts"])


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="acoustic model")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    report = asyncio.run(measure(["--model", arguments.model] if arguments.model else []))
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
