"""Word and character error rates, titles found, and false answers, through client, VAD and socket.

Every recording goes the way of ``speechsearch eval``, so at --speed 0 with all hangovers on the
audio's clock: the cuts are those of real time. Its text is that of all answers that stay, its hits
are those shown last; errors by the frozen normaliser's rules; 95 % bootstrap intervals over
speakers.

- speech: ``speech.tsv`` by group; phrases: ``phrases.tsv`` by age, among all distinct sentences of
  its corpus
- titles: sentences of ``speech.tsv`` under 10 s, each among 100 others (the rest of them and
  sentences of 18 books)
- noise: clips of ``noise.tsv`` (room responses aside) that got any text

    scripts/bench_accuracy
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import DATA, hear, spoken_sentences

from speechsearch.cli_shared import Asked
from speechsearch.learning.evaluate import Evaluation
from speechsearch.learning.measures import Bootstrap, Outcome, figures
from speechsearch.learning.table import draw, read_table

SHORT_S = 10.0
CATALOGUE = 101
CHILD_AGE = 16


def by_group(heard: Evaluation, group_of: Callable[[Outcome], str]) -> dict[str, dict[str, Any]]:
    """Figures of each group, largest first, and of all."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in heard.outcomes:
        groups.setdefault(group_of(outcome), []).append(outcome)
    largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
    parts = {**dict(largest_first), "all": list(heard.outcomes)}
    return {name: figures(part, Bootstrap()) for name, part in parts.items()}


def other_sentences(wanted: set[str]) -> list[str]:
    """Sentences of books that fill a catalogue up."""
    with gzip.open(DATA / "text" / "sentences.txt.gz", "rt") as file:
        sentences = [line.split("\t")[0] for line in file]
    random = np.random.default_rng(0)
    long_enough = [s for s in sentences if 20 <= len(s) <= 150 and s not in wanted]
    return [str(s) for s in random.choice(long_enough, CATALOGUE - len(wanted), replace=False)]


def measure(asked: Asked, limit: int | None) -> dict[str, Any]:
    """Everything, in four passes."""
    speech = draw(read_table(DATA / "speech.tsv"), limit, 0)
    report: dict[str, Any] = {
        "speech": by_group(hear(speech, asked=asked), lambda o: o.recording.columns["group"])
    }
    phrases, sentences = spoken_sentences()
    report["phrases"] = by_group(
        hear(draw(phrases, limit, 0), sentences, asked=asked),
        lambda o: "children" if int(o.recording.columns["age"]) < CHILD_AGE else "adults",
    )
    short = [row for row in speech if float(row.columns["seconds"]) < SHORT_S]
    wanted = {row.transcript for row in short}
    titles = [*sorted(wanted), *other_sentences(wanted)]
    report["titles"] = by_group(
        hear(short, titles, asked=asked), lambda o: o.recording.columns["group"]
    )
    clips = [row for row in read_table(DATA / "noise.tsv") if row.columns["kind"] != "rir"]
    heard = hear(draw(clips, limit, 0), asked=asked)
    texts = {o.recording.name: o.heard.text for o in heard.outcomes if o.heard.text}
    report["noise"] = {"n": len(heard.outcomes), "with_text": len(texts), "texts": texts}
    return report


def show(report: dict[str, Any]) -> None:
    """The figures, for a person."""
    for table in ("speech", "phrases", "titles"):
        print(f"{table:8} group            n  on top  95 %        WER    95 %         CER    95 %")
        for group, part in report[table].items():
            cells = [_cell(part, name) for name in ("recall_at_1", "wer", "cer")]
            print(f"{'':8} {group:13} {part['n']:5}  {'  '.join(cells)}")
    noise = report["noise"]
    print(f"noise clips with text: {noise['with_text']} of {noise['n']}", noise["texts"])


def _cell(part: dict[str, Any], name: str) -> str:
    if part[name] is None:
        return " " * 18
    low_high = part[f"{name}_95"]
    interval = f"{low_high[0]:.3f}-{low_high[1]:.3f}" if low_high else ""
    return f"{part[name]:.3f}  {interval:11}"


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="acoustic model")
    parser.add_argument("--second-pass", metavar="off|NAME", help="the ear that hears again")
    parser.add_argument("--limit", type=int, help="only so many recordings of each table")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    asked = Asked(model=arguments.model, second_pass=arguments.second_pass)
    report = measure(asked, arguments.limit)
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
