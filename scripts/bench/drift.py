"""What the drift monitor notices, how soon, and what it cries without reason.

Recorded traffic of ``phrases.tsv`` (grown-ups from 16 on; children under 12) through the pipeline
in process, as ``speechsearch replay`` sends it, searching all distinct sentences of its corpus. Of
the grown-ups one half of the speakers is the reference and the other the traffic, split anew with
each seed: 150 utterances as they were, then 200 (the ramp: 1000) changed.

- nothing: grown-ups alone, each utterance once: how often there is any alert
- children: from the change on children speak
- band, quiet, clipped: 300 to 3400 Hz alone, 20 dB less, a tenth of the samples cut off flat
- vad, vad-0.9: Silero takes for speech what it holds for speech with 99 or 90 %, not with 50
- vad-webrtc: WebRTC at its most aggressive instead of Silero
- vad-quiet, vad-quiet-webrtc: vad and vad-webrtc where all traffic, the reference too, is 30 dB
  quieter: a microphone far away, of which too aggressive a VAD lets nothing pass
- catalogue: every third sentence that is asked for is gone
- words: the catalogue stays; from the change on people ask for another third, which it never had
- ramp: pink noise from 30 to 5 dB over 1000 utterances, beside the share of answers that are right

What is heard is kept in the replay cache by content: a second run takes a minute or two.

    scripts/bench_drift --json drift.json --picture drift.png
    scripts/bench_drift --part children --part nothing
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from drift_report import draw, show
from evaluating import DATA, spoken_sentences

from speechsearch.config import Settings, cache_dir, load_settings
from speechsearch.learning.table import Recording, read_table
from speechsearch.monitoring.distances import Floats
from speechsearch.replay.cache import Outcome, OutcomeCache
from speechsearch.replay.changes import parse_changes
from speechsearch.replay.ears import Said
from speechsearch.replay.run import BothEars, Observed, Replayed, hear_all, replay
from speechsearch.replay.traffic import Lengths, Tables, Traffic, arrange
from speechsearch.search.embedded import build_index
from speechsearch.types import Entry

Alarms = Sequence[Mapping[str, Any]]
"""As ``Replayed.report`` has them, in order"""
NULLS = 200
REPLAYS = 20
LENGTHS = Lengths(150, 200)
RAMP_UTTERANCES = 1000
RAMP = f"snr=30..5/{RAMP_UTTERANCES}"
FALLEN = 0.8
"""Recall counts as fallen at this share of what it was"""
RECALL_OVER = 200
"""Utterances over which recall is taken, of one replay"""
POOLED_OVER = 50
"""Of all replays of the ramp together"""
CHANGES = {
    "band": "band=300-3400", "quiet": "gain=-20", "clipped": "clip=0.1",
    "vad": "vad=silero:0.99", "vad-0.9": "vad=silero:0.9", "vad-webrtc": "vad=webrtc:3",
    "vad-quiet": "vad=silero:0.99", "vad-quiet-webrtc": "vad=webrtc:3",
    "catalogue": "catalogue={catalogue}",
}  # fmt: skip
ALWAYS = {"vad-quiet": "gain=-30", "vad-quiet-webrtc": "gain=-30"}
"""How all traffic of a part sounds, before the change too"""
RAMPS = 10
"""Replays of the ramp at most"""
WHOLE_RAMPS = 3
"""These are heard to the end, for the recall, the others until there is an alert: a ramp takes a
thousand recordings that nobody heard before"""
RAMP_STEP = 50
"""Utterances that are heard more until then"""
PARTS = ("children", *CHANGES, "words", "ramp", "nothing")


@dataclass(frozen=True)
class Bench:
    """What all parts share."""

    settings: Settings
    cache: OutcomeCache
    grown: Sequence[Recording]
    children: Sequence[Recording]
    lesser: Path
    """The catalogue without a third of what is asked for"""
    lost: Set[str]
    """That third"""
    ears: dict[str, BothEars] = field(default_factory=dict)
    """By change, as they are first wanted"""
    replays: int = REPLAYS
    """Of each change"""
    whole_ramps: int = WHOLE_RAMPS

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
        reports.append(replay(observed).report()["alarms"])
        empty.append([_empty(part) for part in (observed.before, observed.after)])
    return {
        "empty_transcripts_before_and_after": np.mean(empty, axis=0).tolist(),
        **noticed(reports),
    }


def _empty(part: Sequence[Outcome]) -> float:
    return float(np.mean([one.observation.null_transcript for one in part]))


def noticed(reports: Sequence[Alarms]) -> dict[str, Any]:
    """The first alarm and alert of each replay; all alarms of the first one."""
    return {
        "alarms_of_the_first_replay": reports[0],
        "replays": [_noticed(alarms) for alarms in reports],
    }


def _noticed(alarms: Alarms) -> dict[str, Any]:
    """``alarms`` are in order; places are counted from the change."""
    since = [one for one in alarms if one["at_utterance"] >= 0]
    alerts = [one for one in since if one["severity"] == "alert"]
    return {
        "before": [
            [one["at_utterance"], one["severity"], one["metric"]]
            for one in alarms
            if one["at_utterance"] < 0
        ],
        "first_alarm": since[0]["at_utterance"] if since else None,
        "first_alert": alerts[0]["at_utterance"] if alerts else None,
        "alerts": {one["metric"]: [one["at_utterance"], one["stage"]] for one in reversed(alerts)},
        "of_empty_transcripts": next(
            (one["cause"] for one in since if one["metric"] == "null_transcript"), None
        ),
    }


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


def words(bench: Bench) -> dict[str, Any]:
    """The catalogue never had a third of the sentences; from the change on they are asked for."""
    searched = replace(bench.settings.search, index=str(bench.lesser))
    settings = bench.settings.model_copy(update={"search": searched})
    had = [row for row in bench.grown if row.transcript not in bench.lost]
    return delays(replace(bench, settings=settings, grown=had, ears={}), "", bench.grown)


def ramp(bench: Bench) -> dict[str, Any]:
    """The ramp, and how far recall has fallen at each utterance of it: of one replay, and of all.

    One replay's recall is of its last 200 utterances and so knows of a fall late; that of all of
    them is of the 50 utterances around.
    """
    usual, right, reports = [], [], []
    said = {row.path: row.transcript for row in bench.grown}
    for seed in range(min(RAMPS, bench.replays)):
        traffic, observed, alarms = _ramp(bench, seed)
        usual.append(float(np.mean(_right(traffic.before, observed.before, said))))
        right.append(_right(traffic.after, observed.after, said))
        reports.append(alarms)
        print(f"ramp {seed}: {_noticed(alarms)['alerts']}", file=sys.stderr, flush=True)
    curve = _rolling(_mean_of_all(right), POOLED_OVER)
    fallen = _fallen(curve, float(np.mean(usual)))
    return {
        **noticed(reports),
        "heard": [len(one) for one in right],
        "recall_at_1_before": usual,
        "recall_at_1_last": [float(one[-RECALL_OVER:].mean()) for one in right],
        "recall_fallen_by_a_fifth_at": [
            _fallen(_rolling(one, RECALL_OVER), before, RECALL_OVER - 1)
            for one, before in zip(right, usual, strict=True)
        ],
        "recall_over": POOLED_OVER,
        "recall_at_1_of_all": [round(float(one), 4) for one in curve],
        "recall_of_all_fallen_by_a_fifth_at": None if fallen is None else fallen + POOLED_OVER // 2,
    }


def _ramp(bench: Bench, seed: int) -> tuple[Traffic, Observed, Alarms]:
    """One replay, to its end or to its first alert."""
    first = RAMP_UTTERANCES if seed < bench.whole_ramps else RAMP_STEP
    for after in range(first, RAMP_UTTERANCES + 1, RAMP_STEP):
        traffic, observed = bench.observed(seed, Lengths(LENGTHS.before, after), RAMP)
        alarms = replay(observed).report()["alarms"]
        if _noticed(alarms)["first_alert"] is not None:
            break
    return traffic, observed, alarms


def _mean_of_all(replays: Sequence[Floats]) -> Floats:
    """At each utterance, of those that were heard so far."""
    longest = max(map(len, replays))
    padded = [np.pad(one, (0, longest - len(one)), constant_values=np.nan) for one in replays]
    return np.nanmean(padded, axis=0)


def _right(part: Sequence[Said], outcomes: Sequence[Outcome], said: Mapping[Path, str]) -> Floats:
    pairs = zip(part, outcomes, strict=True)
    return np.array([said[row.path] == outcome.first_title for row, outcome in pairs], np.float64)


def _rolling(values: Floats, over: int) -> Floats:
    if len(values) < over:
        return np.zeros(0)
    return np.convolve(values, np.ones(over) / over, mode="valid")


def _fallen(rolling: Floats, usual: float, offset: int = 0) -> int | None:
    below = np.flatnonzero(rolling <= FALLEN * usual)
    return int(below[0]) + offset if len(below) else None


def measured(bench: Bench, parts: Sequence[str], nulls: int, keep: Path | None) -> dict[str, Any]:
    """Each part's figures, beside those of other parts that the file holds."""
    report: dict[str, Any] = json.loads(keep.read_text()) if keep and keep.exists() else {}
    for part in parts:
        if part == "nothing":
            report[part] = nothing(bench, nulls)
        elif part == "ramp":
            report[part] = ramp(bench)
        elif part == "words":
            report[part] = words(bench)
        elif part == "children":
            report[part] = delays(bench, "", bench.children)
        else:
            report[part] = delays(bench, CHANGES[part], always=ALWAYS.get(part, ""))
        show(part, report[part])
        if keep:
            keep.write_text(json.dumps(report, indent=1))
    return report


def catalogues(titles: Sequence[str], lost: Set[str], folder: Path) -> tuple[Path, Path]:
    """All titles, and those that are not lost."""
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
    parser.add_argument(
        "--whole-ramps", type=int, default=WHOLE_RAMPS, help="the others end with their alert"
    )
    parser.add_argument("--json", type=Path, help="parts that it holds already stay")
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    rows = read_table(arguments.table)
    with (
        tempfile.TemporaryDirectory() as folder,
        OutcomeCache(cache_dir() / "replay.sqlite") as cache,
    ):
        lost = set(sorted({row.transcript for row in rows})[::3])
        index, lesser = catalogues(spoken_sentences()[1], lost, Path(folder))
        settings = load_settings(search={"index": str(index)}, asr={"second_pass": "off"})
        grown, children = (of_age(rows, fits) for fits in (lambda a: a >= 16, lambda a: a < 12))
        bench = Bench(
            settings, cache, grown, children, lesser, lost,
            replays=arguments.replays, whole_ramps=arguments.whole_ramps,
        )  # fmt: skip
        report = measured(bench, arguments.part or PARTS, arguments.nulls, arguments.json)
    if arguments.picture:
        draw(report, arguments.picture)


if __name__ == "__main__":
    main()
