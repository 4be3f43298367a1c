"""How often sound that nobody speaks gets words: silence, tones and music made up (``sounds.py``),
and the clips of ``noise.tsv`` (room responses aside), of every second ear in turn.

Everything goes the way of ``speechsearch eval``: client, VAD, socket, server; *words* is what got
any text.

    scripts/bench_nonspeech --json scripts/bench/results/nonspeech.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import soundfile
from evaluating import DATA, hear
from sounds import all_sounds

from speechsearch.cli_shared import Asked
from speechsearch.learning.measures import Outcome
from speechsearch.learning.table import Recording, draw, read_table
from speechsearch.types import SAMPLE_RATE_HZ

EARS = ("off", "tiny.en")


def made_up(folder: Path) -> Iterator[Recording]:
    """Every sound of ``sounds.py``, written into ``folder``."""
    for number, made in enumerate(all_sounds()):
        path = folder / f"{number}.flac"
        soundfile.write(path, made.samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        yield Recording(path, made.name, columns={"kind": made.kind})


def clips() -> list[Recording]:
    """The recorded noises; none where the data is not here."""
    if not DATA.is_dir():
        return []
    rows = read_table(DATA / "noise.tsv")
    return [row for row in rows if row.columns["kind"] != "rir"]


def counted(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Of one kind."""
    words = {o.recording.name: o.heard.text for o in outcomes if o.heard.text}
    return {
        "n": len(outcomes),
        "seconds": round(sum(o.seconds for o in outcomes)),
        "errors": sum(bool(o.heard.error) for o in outcomes),
        "with_words": len(words),
        "share": round(len(words) / len(outcomes), 4),
        "words": words,
    }


def measure(rows: Sequence[Recording], ear: str, model: str) -> dict[str, Any]:
    """All kinds, by one ear."""
    outcomes = hear(rows, asked=Asked(model=model, second_pass=ear)).outcomes
    kinds: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        kind = outcome.recording.columns["kind"]
        named = kind if kind in ("silence", "tones", "music") else "noise clips"
        kinds.setdefault(named, []).append(outcome)
    return {kind: counted(part) for kind, part in kinds.items()}


def show(ear: str, report: dict[str, Any]) -> None:
    """A line a kind."""
    for kind, part in report.items():
        print(
            f"{ear:8} {kind:12} n {part['n']:4}  {part['seconds']:5} s  errors {part['errors']}  "
            f"with words {part['with_words']} ({part['share']:.2%})  {part['words'] or ''}"
        )


def main() -> None:
    """Make, hear, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="acoustic model")
    parser.add_argument("--ear", action="append", help=f"second ears [{' '.join(EARS)}]")
    parser.add_argument("--limit", type=int, help="only so many sounds, drawn")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = draw([*made_up(Path(folder)), *clips()], arguments.limit, 0)
        for ear in arguments.ear or EARS:
            report[ear] = measure(rows, ear, arguments.model)
            show(ear, report[ear])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
