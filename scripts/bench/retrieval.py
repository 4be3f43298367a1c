"""How often the right entry is found by voice: the bars of spoken retrieval.

Every recording goes the way of ``speechsearch eval`` (client, VAD, socket, server; --speed 0), with
the default configuration; ``text`` is the same with --search text: the greedy words alone.

- phrases: ``phrases.tsv`` among all distinct sentences of its corpus
- hidden: the same sentences among 100,000 titles more (books, films, cities, sentences of novels)
- carriers: a carrier phrase in a synthetic voice (flite) spliced before each recording
- parts: two or three words in a row that only one sentence has, cut out of its recording
- commands: the distinct keywords of ``commands.tsv`` among the titles of 10,000 books; share of the
  spoken keywords that are among the hits
- noise: ``phrases.tsv`` with clips of ``noise.tsv`` at 10 dB, and what is lost by it

    scripts/bench_retrieval
    scripts/bench_retrieval --part phrases --part noise --limit 100
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import AS_IT_IS, DATA, hear, spoken_sentences
from splicing import Carriers, Parts, choose_parts, only_parts, with_carriers

from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.wer import normalise
from speechsearch.cli_shared import Asked
from speechsearch.config import load_settings
from speechsearch.learning.conditions import Change, Condition, ConditionOptions
from speechsearch.learning.evaluate import Evaluation
from speechsearch.learning.measures import Bootstrap, Outcome, figures
from speechsearch.learning.table import Recording, draw, read_table
from speechsearch.types import SearchMode

HIDING = 100_000
NOISE_SNR_DB = 10.0
KEPT = ("n", "speakers", "recall_at_1", "recall_at_1_95", "recall_at_5", "mrr_at_10",
        "typed_recall_at_1", "wer")  # fmt: skip
BOTH = (SearchMode.FULL, SearchMode.TEXT)


def found(
    rows: Sequence[Recording], titles: Sequence[str], model: str, change: Change = AS_IT_IS
) -> dict[str, Any]:
    """Figures of both kinds of search, among so many titles."""
    report: dict[str, Any] = {"titles": len(titles)}
    for search in BOTH:
        heard = hear(rows, titles, asked=Asked(model=model, search=search), change=change)
        whole = figures(heard.outcomes, Bootstrap())
        latency_ms = whole["latency_ms"]
        report[search] = {
            **{name: whole[name] for name in KEPT},
            "endpoint_to_results_ms": latency_ms["endpoint_to_results"],
            "search_ms": latency_ms["search"],
        }
    return report


@cache
def phrases(model: str, limit: int | None) -> dict[str, Any]:
    """Bar 1: 0.95."""
    rows, sentences = spoken_sentences()
    return found(draw(rows, limit, 0), sentences, model)


def hidden(model: str, limit: int | None) -> dict[str, Any]:
    """Bar 1: 0.90."""
    rows, sentences = spoken_sentences()
    return found(draw(rows, limit, 0), [*sentences, *unrelated(sentences)], model)


def carriers(model: str, limit: int | None) -> dict[str, Any]:
    """No bar yet."""
    rows, sentences = spoken_sentences()
    rows = draw(rows, limit, 0)
    return found(with_carriers(rows), sentences, model, Carriers(rows))


def parts(model: str, limit: int | None) -> dict[str, Any]:
    """No bar yet."""
    rows, sentences = spoken_sentences()
    settings = load_settings()
    ear = OnnxAcousticModel.load(find_model(model or settings.asr.model, [settings.models_dir]), 1)
    chosen = choose_parts(rows, sentences)
    spoken = draw(only_parts(rows, chosen), limit, 0)
    return found(spoken, sentences, model, Parts(chosen, ear))


def noise(model: str, limit: int | None) -> dict[str, Any]:
    """Bar 3: of recall@1, the sound loses less than a quarter of what the text loses."""
    rows, sentences = spoken_sentences()
    options = ConditionOptions(NOISE_SNR_DB, str(DATA / "noise.tsv"))
    noisy = found(draw(rows, limit, 0), sentences, model, Condition(options))
    clean = phrases(model, limit)
    lost = {s: clean[s]["recall_at_1"] - noisy[s]["recall_at_1"] for s in BOTH}
    share = lost[SearchMode.FULL] / lost[SearchMode.TEXT] if lost[SearchMode.TEXT] > 0 else None
    return {**noisy, "lost_recall_at_1": lost, "share_of_texts_loss": share}


def commands(model: str, limit: int | None) -> dict[str, Any]:
    """Bar 2: beats the text by the margin of the phrases."""
    rows = draw(read_table(DATA / "commands.tsv"), limit, 0)
    keywords = sorted({word for row in read_table(DATA / "commands.tsv") for word in _spoken(row)})
    known = set(keywords)
    books = [title for title in _column("goodbooks10k.tsv", "title") if title not in known]
    report: dict[str, Any] = {"keywords": len(keywords), "titles": len(keywords) + len(books)}
    for search in BOTH:
        heard = hear(rows, [*keywords, *books], asked=Asked(model=model, search=search))
        report[search] = {
            "n": len(heard.outcomes),
            "keywords_spoken": sum(len(_spoken(o.recording)) for o in heard.outcomes),
            "keyword_recall": _share(heard, _among_hits),
            "first_hit_is_a_keyword_spoken": _share(heard, _first_hit),
            "keyword_in_text": _share(heard, _in_text),
        }
    return report


def unrelated(sentences: Sequence[str]) -> list[str]:
    """Distinct titles that are none of the sentences, the same ones each time."""
    taken = {normalise(sentence) for sentence in sentences}
    titles: list[str] = []
    for title in _all_titles():
        key = normalise(title)
        if key and key not in taken:
            taken.add(key)
            titles.append(title)
    return titles[:HIDING]


def _all_titles() -> Iterator[str]:
    yield from _column("goodbooks10k.tsv", "title")
    yield from _column("gutenberg_titles.tsv", "title")
    yield from _column("wikipedia_movies.tsv", "title")
    yield from _column("world_cities.csv", "name")
    with gzip.open(DATA / "text" / "sentences.txt.gz", "rt") as file:
        yield from (line.split("\t")[0] for line in file)


def _column(catalogue: str, name: str) -> list[str]:
    delimiter = "\t" if catalogue.endswith(".tsv") else ","
    with (DATA / "catalogues" / catalogue).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    return list(dict.fromkeys(row[name] for row in rows if row[name]))


def _spoken(row: Recording) -> list[str]:
    return row.columns["keywords"].split("|")


def _among_hits(outcome: Outcome) -> list[bool]:
    hits = {hit.id for hit in outcome.heard.hits}
    return [keyword in hits for keyword in _spoken(outcome.recording)]


def _first_hit(outcome: Outcome) -> list[bool]:
    return [any(hit.id in _spoken(outcome.recording) for hit in outcome.heard.hits[:1])]


def _in_text(outcome: Outcome) -> list[bool]:
    text = f" {normalise(outcome.heard.text)} "
    return [f" {normalise(keyword)} " in text for keyword in _spoken(outcome.recording)]


def _share(heard: Evaluation, judge: Callable[[Outcome], list[bool]]) -> float:
    return round(float(np.mean([right for o in heard.outcomes for right in judge(o)])), 4)


PARTS = {part.__name__: part for part in (phrases, hidden, carriers, parts, commands, noise)}


def show(name: str, report: dict[str, Any]) -> None:
    """One part's figures, for a person."""
    about = "  ".join(f"{k} {v}" for k, v in report.items() if not isinstance(v, dict))
    print(f"{name}: {about}")
    for key, value in report.items():
        if isinstance(value, dict):
            print(f"  {key:5}", "  ".join(f"{k} {v}" for k, v in value.items()))


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=list(PARTS), action="append", help="repeatable")
    parser.add_argument("--limit", type=int, help="only so many recordings in each part")
    parser.add_argument("--model", default="", help="acoustic model")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    report = {}
    for name in arguments.part or PARTS:
        report[name] = PARTS[name](arguments.model, arguments.limit)
        show(name, report[name])
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
