"""Rollouts of good, bad and equal challengers: what the router, judge and controller make of them.

Hours pass in seconds: the clock is simulated, sessions come by chance (one a second on average) and
end after one utterance or more (4 on average, 8 s each). Nothing they hear is invented: every value
is drawn from what real models made of real recordings (``rollout_record.py``), a session's all of
one speaker, both arms of a shadowed one the same recordings; the times from a run of
``bench_latency`` in real time.

bad        in turn: broken (shuffled weights), slow (+300 ms), subtle, worse, bad (noise on the
           weights), empty (never hears anything); the champion is the healthy model
identical  challenger and champion are the healthy model
twin       a copy with hardly any noise (printed only)
better     the champion is the noisy ``worse``, the challenger the healthy model

Golden utterances, which would stop the broken ones at once, are passed unasked: the judge has to.
Word errors are known in the shadow only, as they would be of reviewed recordings. The verdict is
there when the session ends that makes the judge sure; ``rollback_s`` runs until the old shares are
in force and kept on disk: simulated seconds until the next tick, and the real ones of writing.

    scripts/bench_rollout --seed 0 --json rollout.json
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.rollout import controller
from speechsearch.rollout.judge import Verdict, session_values
from speechsearch.rollout.router import Arm, Router, Seat
from speechsearch.rollout.state import Decision, Phase, Plan, State
from speechsearch.rollout.store import Store

RESULTS = Path(__file__).resolve().parent / "results"
SLOW_MS = 500
SLOWER_MS = 300
TICK_S = 5
SESSIONS_PER_S = 1.0
UTTERANCES = 4
UTTERANCE_S = 8
LONGEST_S = 48 * 3600
KINDS = ("broken", "slow", "subtle", "worse", "bad", "empty")
SILENT = {"word_errors": 1.0, "confidence": 0.0, "empty": 1.0, "zero_results": 1.0}
Values = dict[str, float]


class Recorded:
    """What the models made of the recordings, by arm, and how long answers took."""

    def __init__(self) -> None:
        kept = np.load(RESULTS / "rollout_arms.npz")
        self.of_speaker: dict[int, list[int]] = defaultdict(list)
        for recording, speaker in enumerate(kept["speaker"]):
            self.of_speaker[int(speaker)].append(recording)
        self._arms = {
            arm: self._values({n: kept[f"{arm}.{n}"] for n in _names(kept.files, arm)})
            for arm in {name.split(".")[0] for name in kept.files if "." in name}
        }
        files = json.loads((RESULTS / "latency_commands.json").read_text())["files"]
        self.latencies_ms = [one["t3_t0_ms"] for one in files if one["t3_t0_ms"] is not None]

    @staticmethod
    def _values(arrays: dict[str, Any]) -> list[Values]:
        errors = np.minimum(1, arrays["word_errors"] / np.maximum(1, arrays["words"]))
        columns = {
            "word_errors": errors,
            "confidence": arrays["confidence"],
            "empty": arrays["empty"],
            "zero_results": arrays["zero_results"],
            "top_1_wrong": 1 - arrays["recall_at_1"],
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def answer(self, model: str, recording: int, latency_ms: float) -> Values:
        """The values of one utterance."""
        if model == "empty":
            return {**SILENT, "top_1_wrong": 1.0, "slow": float(latency_ms > SLOW_MS)}
        if model == "slow":
            model, latency_ms = "healthy", latency_ms + SLOWER_MS
        return {**self._arms[model][recording], "slow": float(latency_ms > SLOW_MS)}


def _names(files: Sequence[str], arm: str) -> list[str]:
    return [name.removeprefix(f"{arm}.") for name in files if name.startswith(f"{arm}.")]


@dataclass
class Outcome:
    """How a rollout ended."""

    end: Phase
    hours: float
    sessions: int
    exposed: int
    """Sessions that the challenger answered at least once"""
    shadow_answers_shown: int
    rollback_s: float | None
    place: str
    why: str


@dataclass
class Session:
    """Somebody who speaks now."""

    seat: Seat
    speaker: int
    left: int
    arms: set[Arm] = field(default_factory=set)
    champion: list[Values] = field(default_factory=list)
    challenger: list[Values] = field(default_factory=list)


class Simulation:
    """One rollout from its start to its end."""

    def __init__(self, data: Recorded, store: Store, models: tuple[str, str], dice: str) -> None:
        self._data, self._store, self._dice = data, store, random.Random(dice)
        self._champion, self._challenger = models
        self._now_s = self._failed_s = 0.0
        self._sessions = self._exposed = self._shown = 0
        self._state = State()
        self._keep(controller.install(self._state, "old", 0.0, "bench"))
        self._keep(controller.start(self._state, "new", Plan(), 0.0, "bench"))
        self._keep(controller.proved(self._state, "", 0.0))
        self._router = Router(dice.encode(), self._state.rollout, self._state.shares)

    def run(self) -> Outcome:
        """Let people speak until the challenger is out, or champion, or two days are over."""
        numbers = itertools.count()
        live: list[tuple[float, int, Session]] = []
        next_session_s = next_tick_s = 0.0
        while self._state.phase in controller.RUNNING and self._now_s < LONGEST_S:
            next_end_s = live[0][0] if live else np.inf
            self._now_s = min(next_session_s, next_tick_s, next_end_s)
            if self._now_s == next_tick_s:
                outcome = self._tick()
                if outcome:
                    return outcome
                next_tick_s += TICK_S
            elif self._now_s == next_session_s:
                session = self._arrival(next(numbers))
                if self._matters(session):
                    heapq.heappush(live, (self._now_s + UTTERANCE_S, next(numbers), session))
                next_session_s += self._dice.expovariate(SESSIONS_PER_S)
            else:
                _, _, session = heapq.heappop(live)
                if self._answer(session):
                    heapq.heappush(live, (self._now_s + UTTERANCE_S, next(numbers), session))
        return self._outcome(None, "")

    def _arrival(self, number: int) -> Session:
        self._sessions += 1
        utterances = 1
        while self._dice.random() > 1 / UTTERANCES:
            utterances += 1
        speaker = self._dice.choice(list(self._data.of_speaker))
        return Session(self._router.seat(str(number)), speaker, utterances)

    def _matters(self, session: Session) -> bool:
        """In the shadow's phase nothing is compared of a session that only the champion hears."""
        return self._state.phase is Phase.CANARY or session.seat.arm is Arm.SHADOW

    def _answer(self, session: Session) -> bool:
        """One utterance has been answered; whether the session goes on."""
        arm = session.seat.speech_start()
        recording = self._dice.choice(self._data.of_speaker[session.speaker])
        latency_ms = self._dice.choice(self._data.latencies_ms)
        if arm.answered_by_challenger:
            self._exposed += Arm.CHALLENGER not in session.arms
            self._shown += self._state.phase is Phase.SHADOW
        else:
            session.champion.append(self._data.answer(self._champion, recording, latency_ms))
        if arm is not Arm.CHAMPION:
            session.challenger.append(self._data.answer(self._challenger, recording, latency_ms))
        session.arms.add(arm)
        session.seat.speech_end()
        session.left -= 1
        if not session.left:
            self._over(session)
        return session.left > 0

    def _over(self, session: Session) -> None:
        """A session counts by what it was; one that was moved meanwhile counts for nobody."""
        if len(session.arms) > 1:
            return
        before, rollout = self._state, self._state.rollout
        [arm] = session.arms
        champion, challenger = session_values(session.champion), session_values(session.challenger)
        if arm is Arm.SHADOW:
            self._state = controller.heard_by_both(before, rollout, champion, challenger)
        else:
            values = challenger if arm.answered_by_challenger else champion
            self._state = controller.answered(before, rollout, arm, values)
        judge = self._state.judge
        if not self._failed_s and judge and judge.verdict is Verdict.FAIL:
            self._failed_s = self._now_s

    def _tick(self) -> Outcome | None:
        before = self._state.place
        decision = controller.tick(self._state, self._now_s)
        if not decision.transition:
            return None
        began_s = time.perf_counter()
        self._keep(decision)
        self._router.shares = self._state.shares
        took_s = time.perf_counter() - began_s
        if decision.incident:
            waited_s = self._now_s - self._failed_s
            return self._outcome(waited_s + took_s, before, decision.incident.reason)
        return None

    def _keep(self, decision: Decision) -> None:
        self._store.save(decision)
        self._state = decision.state

    def _outcome(self, rollback_s: float | None, place: str, why: str = "") -> Outcome:
        return Outcome(
            self._state.phase, self._now_s / 3600, self._sessions, self._exposed, self._shown,
            rollback_s, place or self._state.place, why,
        )  # fmt: skip


def main() -> None:
    """Run all, print by kind, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--n", type=int, default=100, help="bad, and identical; others a fifth")
    asked = parser.parse_args()
    data = Recorded()
    few = max(1, asked.n // 5)
    runs = {
        "bad": [("healthy", KINDS[n % len(KINDS)]) for n in range(asked.n)],
        "identical": [("healthy", "healthy")] * asked.n,
        "twin": [("healthy", "twin")] * few,
        "better": [("worse", "healthy")] * few,
    }
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, list[Outcome]] = {}
        for name, pairs in runs.items():
            found[name] = []
            for number, models in enumerate(pairs):
                store = Store(Path(folder) / f"{name}{number}.db")
                dice = f"{asked.seed}/{name}/{number}"
                found[name].append(Simulation(data, store, models, dice).run())
                store.close()
                print(f"\r{name} {number + 1}/{len(pairs)}", end="", file=sys.stderr, flush=True)
            kinds = [challenger for _, challenger in pairs]
            for kind in dict.fromkeys(kinds):
                of_kind = zip(kinds, found[name], strict=True)
                show(name, kind, [outcome for one, outcome in of_kind if one == kind])
    report = report_of(found)
    print(json.dumps(report))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


def report_of(found: dict[str, list[Outcome]]) -> dict[str, Any]:
    """The figures that the plan is held to."""
    bad = found["bad"]
    waits_s = [one.rollback_s for one in bad if one.rollback_s is not None]
    p50, p95 = np.percentile(waits_s, [50, 95]) if waits_s else (np.nan, np.nan)
    return {
        "bad": {
            "n": len(bad),
            "stopped": len(waits_s),
            "rollback_s": {"p50": round(float(p50), 2), "p95": round(float(p95), 2)},
            "exposed_share": round(sum(o.exposed for o in bad) / sum(o.sessions for o in bad), 5),
        },
        "identical": {
            "n": len(found["identical"]),
            "rolled_back": sum(one.rollback_s is not None for one in found["identical"]),
        },
        "better": {
            "n": len(found["better"]),
            "promoted": sum(one.end is Phase.WARM for one in found["better"]),
        },
        "shadow_answers_shown": sum(
            o.shadow_answers_shown for all_ in found.values() for o in all_
        ),
    }


def show(name: str, kind: str, outcomes: Sequence[Outcome]) -> None:
    """One kind of challenger, in a line."""
    ends = ", ".join(sorted({f"{one.end} after {one.place} {one.why}".strip() for one in outcomes}))
    hours = sorted(one.hours for one in outcomes)
    exposed = sum(one.exposed for one in outcomes) / sum(one.sessions for one in outcomes)
    out = sum(one.rollback_s is not None for one in outcomes)
    waits_s = [one.rollback_s for one in outcomes if one.rollback_s is not None]
    print(
        f"\r{name:9} {kind:8} n {len(outcomes):3}  rolled back {out:3}  "
        f"within {max(waits_s, default=0):.1f} s  hours {hours[len(hours) // 2]:.2f} "
        f"(at most {hours[-1]:.2f})  exposed {exposed:.4f}  {ends}",
        flush=True,
    )


if __name__ == "__main__":
    main()
