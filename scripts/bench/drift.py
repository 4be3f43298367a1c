"""What the drift monitor notices, how soon, and what it cries without reason.

Recorded traffic of ``phrases.tsv`` (grown-ups from 16 on; children under 12) through the pipeline
in process, as ``speechsearch replay`` sends it, searching all distinct sentences of its corpus. Of
the grown-ups one half of the speakers is the reference and the other the traffic, split anew with
each seed: 150 utterances as they were, then 200 (the ramp: 1000) changed.

- nothing: grown-ups alone, each utterance once: how often there is any alert
- children: from the change on children speak
- band, quiet, clipped: 300 to 3400 Hz alone, 20 dB less, a tenth of the samples cut off flat
- vad-0.9, vad-0.99: Silero takes for speech what it holds for speech with 90 or 99 %, not with 50
- vad-webrtc: WebRTC at its most aggressive instead of Silero
- vad-quiet, vad-quiet-webrtc: the same two where all traffic, the reference too, is 30 dB quieter
- catalogue: every third sentence that is asked for is gone
- noise: a ramp of pink noise from 30 to 5 dB, beside the share of answers that are right

What is heard is kept in the replay cache by content: a second run takes a minute or two.

    scripts/bench_drift --json drift.json --picture drift.png
    scripts/bench_drift --part children --part nothing
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from drift_report import draw, show
from evaluating import DATA, spoken_sentences

from speechsearch.config import Settings, cache_dir, load_settings
from speechsearch.learning.table import Recording, read_table
from speechsearch.replay.cache import Outcome, OutcomeCache
from speechsearch.replay.changes import parse_changes
from speechsearch.replay.run import BothEars, Observed, Replayed, hear_all, replay
from speechsearch.replay.traffic import Lengths, Tables, Traffic, arrange
from speechsearch.search.embedded import build_index
from speechsearch.types import Entry

NULLS = 200
REPLAYS = 20
LENGTHS = Lengths(150, 200)
RAMP = Lengths(150, 1000)
FALLEN = 0.8
"""Recall counts as fallen at this share of what it was"""
RECALL_OVER = 200
"""Utterances over which recall is taken"""
CHANGES = {
    "band": "band=300-3400", "quiet": "gain=-20", "clipped": "clip=0.1",
    "vad-0.9": "vad=silero:0.9", "vad-0.99": "vad=silero:0.99", "vad-webrtc": "vad=webrtc:3",
    "vad-quiet": "vad=silero:0.99", "vad-quiet-webrtc": "vad=webrtc:3",
    "catalogue": "catalogue={catalogue}",
}  # fmt: skip
ALWAYS = {"vad-quiet": "gain=-30", "vad-quiet-webrtc": "gain=-30"}
"""How all traffic of a part sounds, before the change too"""
RAMPS = 3
"""Replays of the ramp: each hears a thousand recordings anew"""
PARTS = ("children", *CHANGES, "noise", "nothing")


@dataclass(frozen=True)
class Bench:
    """What all parts share."""

    settings: Settings
    cache: OutcomeCache
    grown: Sequence[Recording]
    children: Sequence[Recording]
    lesser: Path
    """The catalogue without a third of what is asked for"""
    ears: dict[str, BothEars] = field(default_factory=dict)
    """By change, as they are first wanted"""
    replays: int = REPLAYS
    """Of each change"""

    def observed(
        self,
        seed: int,
        lengths: Lengths,
        change: str = "",
        after: Sequence[Recording] | None = None,
        always: str = "",
    ) -> tuple[Traffic, Observed]:
        """Traffic of a seed, heard; ``always`` is how all of it sounds."""
        changes = parse_changes([change.format(catalogue=self.lesser)] if change else [])
        if change not in self.ears:
            self.ears[change] = BothEars.of(self.settings, changes, self.cache)
        traffic = arrange(Tables(self.grown, after), lengths, changes, seed)
        if always:
            traffic = sounding(traffic, always)
        return traffic, hear_all(traffic, self.ears[change])


def sounding(traffic: Traffic, change: str) -> Traffic:
    """All of the traffic, the reference too, with a change of the sound."""
    sound = tuple(one.at(0) for one in parse_changes([change]).sound)
    reference, before, after = (
        tuple(replace(said, sound=(*sound, *said.sound)) for said in part)
        for part in (traffic.reference, traffic.before, traffic.after)
    )
    return Traffic(reference, before, after)


def of_age(rows: Sequence[Recording], fits: Callable[[int], bool]) -> list[Recording]:
    """Rows whose speaker's age is known and fits."""
    return [row for row in rows if row.columns.get("age") and fits(int(row.columns["age"]))]


def delays(
    bench: Bench, change: str, after: Sequence[Recording] | None = None, always: str = ""
) -> dict[str, Any]:
    """When, and as what, a change is noticed: of some replays."""
    reports, empty = [], []
    for seed in range(bench.replays):
        observed = bench.observed(seed, LENGTHS, change, after, always)[1]
        reports.append(replay(observed).report())
        empty.append([_empty(part) for part in (observed.before, observed.after)])
    return {
        "empty_transcripts_before_and_after": np.mean(empty, axis=0).tolist(),
        "replays": reports,
        "first_alert": [first(one, "alert") for one in reports],
        "first_alarm": [first(one) for one in reports],
    }


def _empty(part: Sequence[Outcome]) -> float:
    return float(np.mean([one.observation.null_transcript for one in part]))


def first(report: dict[str, Any], severity: str = "") -> int | None:
    """At which utterance after the change an alarm comes first; None: never."""
    places = [
        alarm["at_utterance"]
        for alarm in report["alarms"]
        if alarm["at_utterance"] >= 0 and severity in ("", alarm["severity"])
    ]
    return min(places, default=None)


def nothing(bench: Bench, count: int) -> dict[str, Any]:
    """Replays in which nothing changes."""
    found: list[Replayed] = []
    for seed in range(count):
        found.append(replay(bench.observed(seed, Lengths())[1]))
        print(f"\r{seed + 1}/{count}", end="", file=sys.stderr, flush=True)
    raised = [{alarm.severity for alarm in one.alarms} for one in found]
    metrics = [a.metric for one in found for a in one.alarms if a.severity == "alert"]
    return {
        "replays": count,
        "utterances_each": found[0].n_before + found[0].n_after,
        "with_an_alert": sum("alert" in one for one in raised),
        "with_any_alarm": sum(bool(one) for one in raised),
        "alerts_by_metric": {name: metrics.count(name) for name in sorted(set(metrics))},
    }


def noise(bench: Bench, seed: int) -> dict[str, Any]:
    """The ramp, and how far recall has fallen at each utterance of it."""
    traffic, observed = bench.observed(seed, RAMP, "snr=30..5/1000")
    said = {row.path: row.transcript for row in bench.grown}
    right_before, right = (
        np.array([said[row.path] == outcome.first_title for row, outcome in pairs])
        for pairs in (
            zip(traffic.before, observed.before, strict=True),
            zip(traffic.after, observed.after, strict=True),
        )
    )
    usual = float(right_before.mean())
    rolling = np.convolve(right, np.ones(RECALL_OVER) / RECALL_OVER, mode="valid")
    fallen = np.flatnonzero(rolling <= FALLEN * usual)
    report = replay(observed).report()
    return {
        "replay": report,
        "first_alert": first(report, "alert"),
        "recall_at_1_before": usual,
        "recall_at_1": [round(float(one), 3) for one in rolling],
        "recall_at_1_last": float(rolling[-1]),
        "recall_fallen_by_a_fifth_at": int(fallen[0]) + RECALL_OVER - 1 if len(fallen) else None,
    }


def measured(bench: Bench, parts: Sequence[str], nulls: int, keep: Path | None) -> dict[str, Any]:
    """Each part's figures, beside those of other parts that the file holds."""
    report: dict[str, Any] = json.loads(keep.read_text()) if keep and keep.exists() else {}
    for part in parts:
        if part == "nothing":
            report[part] = nothing(bench, nulls)
        elif part == "noise":
            report[part] = [noise(bench, seed) for seed in range(min(RAMPS, bench.replays))]
        elif part == "children":
            report[part] = delays(bench, "", bench.children)
        else:
            report[part] = delays(bench, CHANGES[part], always=ALWAYS.get(part, ""))
        show(part, report[part])
        if keep:
            keep.write_text(json.dumps(report, indent=1))
    return report


def catalogues(rows: Sequence[Recording], folder: Path) -> tuple[Path, Path]:
    """All sentences, and those without every third one that is asked for."""
    titles, asked = spoken_sentences()[1], sorted({row.transcript for row in rows})
    lost = set(asked[::3])
    for name, kept in (("all", titles), ("lesser", [one for one in titles if one not in lost])):
        build_index([Entry(one, one) for one in kept], folder / name)
    return folder / "all", folder / "lesser"


def main() -> None:
    """Hear, watch, print, write, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="[all]")
    parser.add_argument("--table", type=Path, default=DATA / "phrases.tsv")
    parser.add_argument("--nulls", type=int, default=NULLS, help="replays in which nothing changes")
    parser.add_argument("--replays", type=int, default=REPLAYS, help="of each change")
    parser.add_argument("--json", type=Path, help="parts that it holds already stay")
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    rows = read_table(arguments.table)
    with (
        tempfile.TemporaryDirectory() as folder,
        OutcomeCache(cache_dir() / "replay.sqlite") as cache,
    ):
        index, lesser = catalogues(rows, Path(folder))
        settings = load_settings(search={"index": str(index)}, asr={"second_pass": "off"})
        grown, children = (of_age(rows, fits) for fits in (lambda a: a >= 16, lambda a: a < 12))
        bench = Bench(settings, cache, grown, children, lesser, replays=arguments.replays)
        report = measured(bench, arguments.part or PARTS, arguments.nulls, arguments.json)
    if arguments.picture:
        draw(report, arguments.picture)


if __name__ == "__main__":
    main()
