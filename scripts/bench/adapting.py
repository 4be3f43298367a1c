"""What training on a little speech of one kind did to others of that kind, and to the rest.

    scripts/bench_adapting BEFORE AFTER --kind TABLE --rest TABLE --out REPORT.json

BEFORE and AFTER are checkpoint folders (float32, greedy text, nothing else). Every recording is
heard by both; the difference of their error rates has its interval over resampled speakers, the
same ones for both. Groups of a table: its columns age (children, adults) and group.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from speechsearch.asr.checkpoint import Checkpoint  # noqa: E402
from speechsearch.asr.positioned import load_torch  # noqa: E402
from speechsearch.asr.wer import Errors, count_errors  # noqa: E402
from speechsearch.audio.player import read_audio  # noqa: E402
from speechsearch.learning.conditions import Condition, ConditionOptions  # noqa: E402
from speechsearch.learning.table import Recording, draw, read_table  # noqa: E402
from speechsearch.learning.training.watch import Listen, listener  # noqa: E402

GROWN_UP = 16
RESAMPLES = 2000
NOISY_DB = 10.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A recording as it was heard before and after."""

    group: str
    speaker: str
    before: Errors
    after: Errors


def main() -> None:
    """Hear, compare, print, write."""
    options = arguments()
    ears = [ear(folder) for folder in (options.before, options.after)]
    report = {}
    for title, tables in (("the kind", options.kind), ("the rest", options.rest)):
        as_recorded = [pair for table in tables for pair in hear(table, "", ears, options)]
        report[title] = compared(as_recorded)
        show(title, report[title])
    for name, condition in conditions(options).items():
        pairs = [pair for table in options.rest for pair in hear(table, condition, ears, options)]
        report[name] = compared(pairs)
        show(name, report[name])
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n")


def ear(folder: Path) -> Listen:
    """Greedy text of a checkpoint."""
    model = load_torch(folder, fused_attention=True).eval()
    return listener(model, Checkpoint.open(folder), "cpu")


def conditions(options: argparse.Namespace) -> dict[str, Condition]:
    """What else the rest is heard in."""
    if not options.noise:
        return {}
    noise = ConditionOptions(snr_db=NOISY_DB, noise=str(options.noise))
    room = ConditionOptions(rir=str(options.noise))
    return {
        f"the rest in noise at {NOISY_DB:g} dB": Condition(noise),
        "the rest in rooms": Condition(room),
    }


def hear(
    table: Path, condition: Condition | str, ears: Sequence[Listen], options: argparse.Namespace
) -> Iterable[Pair]:
    """Every recording of the table, or so many drawn of it."""
    for row in draw(read_table(table), options.most, options.seed):
        sound = read_audio(row.path)
        if isinstance(condition, Condition):
            sound = condition.apply(sound, row.name)
        before, after = (count_errors(row.transcript, listen(sound)) for listen in ears)
        yield Pair(group_of(table, row), row.columns.get("speaker") or row.name, before, after)


def group_of(table: Path, row: Recording) -> str:
    """Children and adults where ages are known, else the table's own groups."""
    if row.columns.get("age"):
        return f"{table.stem}: {'adults' if int(row.columns['age']) >= GROWN_UP else 'children'}"
    return f"{table.stem}: {row.columns.get('group', 'all')}"


def compared(pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Of all, and of each group: rates before and after, the change and its interval."""
    groups = sorted({pair.group for pair in pairs})
    parts = {"all": pairs} | {name: [p for p in pairs if p.group == name] for name in groups}
    return {name: change(part) for name, part in parts.items()}


def change(pairs: Sequence[Pair], seed: int = 0) -> dict[str, float]:
    """In percent, and points; intervals of 95 %, over speakers."""
    names, owner = np.unique([pair.speaker for pair in pairs], return_inverse=True)
    counts = np.zeros((len(names), 6))
    rows = [
        [*counted(p.before, p.after, "word"), *counted(p.before, p.after, "letter")] for p in pairs
    ]
    np.add.at(counts, owner, np.array(rows, float))
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES) @ counts
    told: dict[str, float] = {"n": len(pairs), "speakers": len(names)}
    for kind, first in (("wer", 0), ("cer", 3)):
        before, after, whole = counts[:, first : first + 3].sum(axis=0)
        moved = 100 * (drawn[:, first + 1] - drawn[:, first]) / drawn[:, first + 2]
        low, high = np.percentile(moved, [2.5, 97.5])
        told |= {
            f"{kind}_before": round(100 * before / whole, 2),
            f"{kind}_after": round(100 * after / whole, 2),
            f"{kind}_change": round(100 * (after - before) / whole, 2),
            f"{kind}_change_low": round(float(low), 2),
            f"{kind}_change_high": round(float(high), 2),
        }
    return told


def counted(before: Errors, after: Errors, kind: str) -> tuple[int, int, int]:
    """Errors before, errors after, words or letters said."""
    errors = f"{kind}_errors"
    return getattr(before, errors), getattr(after, errors), getattr(before, f"{kind}s")


def show(title: str, groups: dict[str, dict[str, float]]) -> None:
    """Lines of a table."""
    print(f"\n{title:32}     n  WER before  after  change (95 %)             CER change (95 %)")
    for name, told in groups.items():
        words = "{wer_before:10.1f} {wer_after:6.1f}  {wer_change:+.1f} ({wer_change_low:+.1f} to "
        letters = "{cer_change:+.1f} ({cer_change_low:+.1f} to {cer_change_high:+.1f})"
        line = (words + "{wer_change_high:+.1f})").format(**told)
        print(f"{name:32} {told['n']:5} {line:46} {letters.format(**told)}", flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--kind", type=Path, action="append", required=True, metavar="TABLE")
    parser.add_argument("--rest", type=Path, action="append", default=[], metavar="TABLE")
    parser.add_argument("--noise", type=Path, help="table: the rest in its noise and rooms too")
    parser.add_argument("--most", type=int, help="recordings of a table, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
