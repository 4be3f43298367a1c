"""Where the reference itself is in doubt, so that error is read against what can be reached.

Three engines of two families hear each recording as a whole: Whisper tiny.en and base, and
Moonshine tiny. Word by word against the reference:

- spelling: all three write the same, and the reference the same letters (``for ever``)
- reference: all three write the same other words, so that either the reference is wrong or what was
  spoken sounds like something else
- undecidable: of the words of a recording, at least half were heard by no engine as the reference
  has them, and no two engines agree on more than half of what they write

A recording with any of them is *in doubt*. Word error rates of all recordings and of those without
doubt, of each engine and of what is shown by default (tiny.en where the first ear's log-probs bear
it out; whole recordings). Nothing is trained or tuned on this.

    scripts/bench_references --limit 150 --json scripts/bench/results/references.json
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import jiwer
from evaluating import DATA
from second_ear import FirstEar, heard_by
from second_ear_hear import rows_of

from speechsearch.asr.second_ear import Reheard
from speechsearch.asr.wer import Errors, count_errors, disagreement, normalise
from speechsearch.config import cache_dir
from speechsearch.learning.table import Recording

ENGINES = ("tiny.en:5", "base:5", "moonshine-tiny")
TABLES = ("speech", "phrases")
SHOWN = "as shown"
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody heard in place of the words [start, end) of the reference."""

    start: int
    end: int
    heard: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Of one recording."""

    kind: str
    """spelling, reference or undecidable"""
    said: str
    """The reference's words that it is about"""
    heard: str


def edits(said: str, heard: str) -> set[Edit]:
    """The differences of two normalised texts, in words of the first."""
    (chunks,) = jiwer.process_words(said, heard).alignments
    words = heard.split()
    return {
        Edit(c.ref_start_idx, c.ref_end_idx, " ".join(words[c.hyp_start_idx : c.hyp_end_idx]))
        for c in _joined(chunks)
    }


def _joined(chunks: Sequence[Any]) -> list[Any]:
    """Neighbouring differences are one."""
    made: list[Any] = []
    for chunk in (c for c in chunks if c.type != "equal"):
        if made and made[-1].ref_end_idx == chunk.ref_start_idx:
            made[-1].ref_end_idx, made[-1].hyp_end_idx = chunk.ref_end_idx, chunk.hyp_end_idx
        else:
            made.append(chunk)
    return made


def doubts(reference: str, texts: Sequence[str]) -> list[Doubt]:
    """What the engines' texts of one recording say about its reference."""
    said, heard = normalise(reference), [normalise(text) for text in texts]
    if not said or not all(heard):
        return []
    words, each = said.split(), [edits(said, text) for text in heard]
    shared = set[Edit].intersection(*each)
    found = [_doubt(words, edit) for edit in sorted(shared, key=lambda e: e.start)]
    missed = [{k for e in one for k in range(e.start, e.end)} for one in each]
    nobody = len(set[int].intersection(*missed)) / len(words)
    apart = min(disagreement(a, b) for a, b in combinations(heard, 2))
    if nobody >= HALF and apart > HALF:
        found.append(Doubt("undecidable", said, " | ".join(heard)))
    return found


def _doubt(words: Sequence[str], edit: Edit) -> Doubt:
    said = " ".join(words[edit.start : edit.end])
    alike = _letters(said) == _letters(edit.heard)
    return Doubt("spelling" if alike else "reference", said, edit.heard)


def _letters(text: str) -> str:
    return text.replace(" ", "").replace("'", "")


def table_report(
    rows: Sequence[Recording], texts: Mapping[str, Callable[[Recording], str]]
) -> dict[str, Any]:
    """Counts, error rates and all doubts of one table."""
    found = {
        row.name: doubts(row.transcript, [texts[engine](row) for engine in ENGINES]) for row in rows
    }
    kinds: Counter[str] = Counter()
    for some in found.values():
        kinds.update({doubt.kind for doubt in some})
    clear = [row for row in rows if not found[row.name]]
    return {
        "n": len(rows),
        "in_doubt": len(rows) - len(clear),
        "recordings_with": dict(kinds),
        "wer": {name: _wer(rows, text_of) for name, text_of in texts.items()},
        "wer_without_doubt": {name: _wer(clear, text_of) for name, text_of in texts.items()},
        "doubts": [
            {"path": row.name, "kind": doubt.kind, "reference": doubt.said, "heard": doubt.heard}
            for row in rows
            for doubt in found[row.name]
        ],
    }


def _wer(rows: Sequence[Recording], text_of: Callable[[Recording], str]) -> float:
    errors = sum((count_errors(row.transcript, text_of(row)) for row in rows), Errors())
    return round(errors.wer, 4)


def readers(heard: Mapping[str, Mapping[str, Any]]) -> dict[str, Callable[[Recording], str]]:
    """Name -> what it writes of a recording: the engines, then what is shown."""
    first = FirstEar()

    def readings(engine: str, row: Recording) -> list[Reheard]:
        return [Reheard(*reading) for reading in heard[engine][row.name]["readings"]]

    def best_of(engine: str) -> Callable[[Recording], str]:
        return lambda row: next((r.text for r in readings(engine, row)), "")

    def shown(row: Recording) -> str:
        fit = first.judge.judge(readings(ENGINES[0], row), first.log_probs(row)).fit
        return fit.hypothesis.text if fit else first.text(row)

    return {**{engine: best_of(engine) for engine in ENGINES}, SHOWN: shown}


def show(table: str, report: dict[str, Any]) -> None:
    """The figures, then every doubt."""
    print(f"{table}: n {report['n']}, in doubt {report['in_doubt']} {report['recordings_with']}")
    for name, wer in report["wer"].items():
        print(f"  {name:15} WER {wer:.3f}  without doubt {report['wer_without_doubt'][name]:.3f}")
    for doubt in report["doubts"]:
        print("  " + "  ".join(doubt.values()))


def main() -> None:
    """Hear, compare, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, help="of phrases.tsv, only so many, drawn")
    parser.add_argument("--kept", type=Path, help="folder of what ears said [the cache]")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    limits = {"speech": None, "phrases": arguments.limit}
    wanted = [table + (f":{limit}" if limit else "") for table, limit in limits.items()]
    folder = arguments.kept or cache_dir() / "second-ear"
    folder.mkdir(parents=True, exist_ok=True)
    texts = readers({engine: heard_by(engine, folder, wanted) for engine in ENGINES})
    report = {}
    for table in TABLES:
        report[table] = table_report(rows_of(table, limits[table]), texts)
        show(table, report[table])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
