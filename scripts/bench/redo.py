"""From which likeness on a search is the one before, said again (``monitoring/journey.py``).

No table has people who repeat themselves, so a repetition is made: a sentence of ``phrases.tsv``,
and the same recording spoken faster or slower (6 to 12 %, pitch and all) in other noise (15 dB).
Nobody repeats what was answered rightly, so it is also made of a first time in noise as loud as
the speech (0 dB) whose answer was wrong, or none, and the same in quiet.
What is *not* a repetition is real: the next sentence of the same speaker; and, far harder, two
orders of ``commands.tsv`` that ask for different things in much the same words ("can I get a large
latte"). Each is heard in process as the server hears it, first ear alone.

Speakers (orders: rows) are split in two: the limit is read off one half and counted on the other.

    scripts/bench_redo --json redo.json
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from evaluating import DATA, spoken_sentences
from played import read_rows

from speechsearch.audio.player import read_audio
from speechsearch.config import Settings, load_settings
from speechsearch.learning.table import Recording
from speechsearch.monitoring.journey import JourneyOptions, Search, likeness
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Pipeline
from speechsearch.replay.changes import Sounding
from speechsearch.replay.hearing import hear
from speechsearch.search.embedded import build_index
from speechsearch.server.assemble import load
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Entry

LIMITS = [round(0.05 * n, 2) for n in range(6, 20)]
SNR_DB, BAD_SNR_DB = 15.0, 0.0


@dataclass(frozen=True)
class Pair:
    """Two searches of one person, one after the other."""

    first: Search
    second: Search
    whose: str

    @property
    def alike(self) -> float:
        """0..1"""
        return likeness(self.first, self.second)


def searched(samples: Audio, pipeline: Pipeline, settings: Settings) -> Search:
    """What was heard and found."""
    results = [part.result for part in hear(samples, pipeline, settings).parts]
    text = " ".join(one.text for one in results if one.text)
    hits = next((one.hits for one in reversed(results) if one.hits), ())
    return Search(0, text, tuple(hit.id for hit in hits), 0.0)


def again(samples: Audio, seed: int) -> Audio:
    """The same, said a little faster or slower in other noise."""
    rng = random.Random(seed)
    rate = 1 + rng.choice((-1, 1)) * rng.uniform(0.06, 0.12)
    faster = soxr.resample(samples, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ / rate).astype(np.float32)
    noisy: Audio = Sounding("snr", (SNR_DB,)).apply(faster, seed)
    return noisy


@dataclass(frozen=True)
class Pairs:
    """What is to be told apart."""

    same: list[Pair] = field(default_factory=list)
    after_wrong: list[Pair] = field(default_factory=list)
    new: list[Pair] = field(default_factory=list)
    other: list[Pair] = field(default_factory=list)

    @property
    def by_name(self) -> dict[str, list[Pair]]:
        """As the report has them."""
        return {
            "said again": self.same, "said again after a wrong answer": self.after_wrong,
            "next sentence": self.new, "other order": self.other,
        }  # fmt: skip


def sentences(rows: Sequence[Recording], pipeline: Pipeline, settings: Settings) -> Pairs:
    """Repetitions, and next requests."""
    pairs, before = Pairs(), dict[str, Search]()
    for n, row in enumerate(rows):
        whose, samples = row.columns["speaker"], read_audio(row.path)
        first = searched(samples, pipeline, settings)
        pairs.same.append(Pair(first, searched(again(samples, n), pipeline, settings), whose))
        noise = Sounding("snr", (BAD_SNR_DB,))
        bad = searched(noise.apply(samples, n), pipeline, settings)
        if bad.text and bad.hits[:1] != (row.transcript,):
            pairs.after_wrong.append(Pair(bad, first, whose))
        if whose in before:
            pairs.new.append(Pair(before[whose], first, whose))
        before[whose] = first
        print(f"\r{n + 1}/{len(rows)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return pairs


def orders(limit: int, pipeline: Pipeline, settings: Settings) -> list[Pair]:
    """Pairs of orders that ask for different things."""
    rows = random.Random(0).sample(read_rows(DATA / "commands.tsv", None), limit)
    heard = [searched(read_audio(Path(row["file"])), pipeline, settings) for row in rows]
    return [
        Pair(heard[n], heard[n + 1], rows[n]["path"])
        for n in range(len(rows) - 1)
        if rows[n]["slots"] != rows[n + 1]["slots"]
    ]


def shares(pairs: Sequence[Pair], limit: float) -> float:
    """Of pairs that are alike enough; after no hits any search counts as said again anyhow."""
    judged = [one.alike >= limit for one in pairs]
    return round(float(np.mean(judged)), 4) if judged else float("nan")


def half(pairs: Sequence[Pair], which: int) -> list[Pair]:
    """Of speakers, not of pairs."""
    names = sorted({one.whose for one in pairs})
    random.Random(1).shuffle(names)
    chosen = set(names[which::2])
    return [one for one in pairs if one.whose in chosen]


def report(pairs: Pairs) -> dict[str, Any]:
    """Found and falsely found by limit; the limit that one half would choose, on the other."""

    def youden(limit: float) -> float:
        one, two, false, worse = (shares(half(p, 0), limit) for p in pairs.by_name.values())
        return one + two - false - worse

    best = max(LIMITS, key=youden)
    return {
        "n": {name: len(some) for name, some in pairs.by_name.items()},
        "of these the wrong answer had no hits": sum(
            not one.first.hits for one in pairs.after_wrong
        ),
        "by_limit": [
            {"alike": limit, **{name: shares(p, limit) for name, p in pairs.by_name.items()}}
            for limit in LIMITS
        ],
        "chosen_on_one_half": best,
        "on_the_other_half": {
            name: shares(half(some, 1), best) for name, some in pairs.by_name.items()
        },
        "in_force": JourneyOptions().alike,
    }


def main() -> None:
    """Parse, hear, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=300, help="sentences, and orders")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    asked = parser.parse_args()
    phrases, titles = spoken_sentences()
    speakers = sorted({row.columns["speaker"] for row in phrases})
    rows = [row for one in speakers for row in phrases if row.columns["speaker"] == one]
    rows = rows[:: max(1, len(rows) // asked.limit)]
    with tempfile.TemporaryDirectory() as folder:
        build_index([Entry(title, title) for title in titles], Path(folder) / "index")
        settings = load_settings(search={"index": f"{folder}/index"})
        pipeline = load(settings, Metrics("redo")).pipeline
        pairs = sentences(rows, pipeline, settings)
        demo = load_settings()
        pairs.other.extend(
            orders(min(asked.limit, 320), load(demo, Metrics("redo")).pipeline, demo)
        )
    found = report(pairs)
    print(json.dumps(found, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
