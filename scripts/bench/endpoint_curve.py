"""What ending early costs and gains: tiers of hangovers over recordings with a label of t0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from endpoint_simulation import Allow, Server, Track, Turn, simulate

from speechsearch.pipeline import Pipeline
from speechsearch.turns import Allowance, Habit, TurnOptions, allow
from speechsearch.types import SAMPLE_RATE_HZ, Result, samples_to_ms
from speechsearch.vad.endpointer import EndpointerOptions

EARLY_S = 0.05
HANGOVERS_MS = (160, 192, 224, 256, 288, 320, 352, 416, 480, 560, 640)
SLOW_MS = (288, 320, 352, 384, 416)
"""Bounds of the habit"""
SILENCE = "silence only"
TIERS: Mapping[str, frozenset[str]] = {
    SILENCE: frozenset(),
    "+ complete": frozenset({"complete"}),
    "+ dangling": frozenset({"dangling"}),
    "+ habit": frozenset({"habit"}),
    "all": frozenset({"complete", "dangling", "habit"}),
}
"""Each with the tiers of ``turns.allow`` beside the usual one"""
BLANKS = "from last letter"
"""The tier left out: the usual hangover, counted from the last letter heard"""


@dataclass(frozen=True, eq=False)
class Case:
    """A recording to be cut, whose speech ends at ``t0_s``."""

    track: Track
    t0_s: float
    speaker: str = ""
    """Empty: nobody's"""


@dataclass(frozen=True)
class Outcome:
    """What came of one recording."""

    early: bool
    unrepaired: bool
    t1_t0_ms: float | None
    """Of the utterance that covers t0; None where nothing did"""
    tier: str = ""


def outcome_of(turns: Sequence[Turn], t0_s: float) -> Outcome:
    """By the definitions of ``bench_latency``: an answer with text that ended early and that no
    later one took in is unrepaired.
    """
    limit = (t0_s - EARLY_S) * SAMPLE_RATE_HZ
    cut = [turn for turn in turns if turn.decided_sample < limit]
    replaced = {turn.result.continues for turn in turns}
    stands = any(turn.result.text and turn.number not in replaced for turn in cut)
    for turn in turns:
        covers = turn.start.start_sample <= t0_s * SAMPLE_RATE_HZ and turn.decided_sample >= limit
        if covers and turn.result.text:
            late_ms = samples_to_ms(turn.decided_sample) - t0_s * 1000
            return Outcome(bool(cut), stands, late_ms, turn.tier)
    return Outcome(bool(cut), stands, None)


def shifted(usual_ms: float, options: TurnOptions, pause_ms: float) -> TurnOptions:
    """All tiers moved along with the usual one; none ends before a pause is known."""
    by_ms = usual_ms - options.usual_ms
    return replace(
        options,
        usual_ms=usual_ms,
        complete_ms=max(pause_ms, options.complete_ms + by_ms),
        dangling_ms=options.dangling_ms + by_ms,
        slow_ms=options.slow_ms + by_ms,
    )


def allow_some(
    tiers: frozenset[str], options: TurnOptions, heard: Result, habit: Habit, pause_sample: int
) -> Allowance:
    """``turns.allow``, blind to what only tiers other than ``tiers`` look at."""
    del pause_sample
    if "complete" not in tiers:
        heard = replace(heard, answer_confidence=0.0)
    if "dangling" not in tiers:
        heard = replace(heard, hypotheses=())
    return allow(heard, habit if "habit" in tiers else Habit(), options)


def allow_from_last_letter(
    usual_ms: float, pause_ms: float, heard: Result, habit: Habit, pause_sample: int
) -> Allowance:
    """The usual hangover from the end of the last letter, which the detector may lag or lead."""
    del habit
    words = heard.hypotheses[0].words if heard.hypotheses else ()
    if not words:
        return Allowance(usual_ms, "usual")
    silent_ms = samples_to_ms(pause_sample) - words[-1].end_s * 1000
    return Allowance(max(pause_ms, usual_ms - silent_ms), "letters")


@dataclass(frozen=True, eq=False)
class Stand:
    """What is cut, and what hears it."""

    cases: Sequence[Case]
    pipeline: Pipeline
    vad: EndpointerOptions

    def play(self, allowing: Allow, longest_ms: float, sessions: bool = False) -> list[list[Turn]]:
        """All recordings in order; in ``sessions``, a speaker's share one habit of pausing.

        The client's upper bound never binds: no hangover is over ``longest_ms``.
        """
        vad = replace(self.vad, hangover_ms=max(self.vad.hangover_ms, longest_ms))
        habits, played = dict[str, Habit](), []
        for case in self.cases:
            shared = sessions and case.speaker
            habit = habits.setdefault(case.speaker, Habit()) if shared else Habit()
            server = Server(self.pipeline, case.track.samples, allowing, habit)
            played.append(simulate(case.track, vad, server))
        return played

    def point(self, allowing: Allow, longest_ms: float, sessions: bool = False) -> dict[str, Any]:
        """What one rule of hangovers does to all recordings."""
        played = self.play(allowing, longest_ms, sessions)
        return rates([outcome_of(t, c.t0_s) for t, c in zip(played, self.cases, strict=True)])


def rates(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A point of the curve: both rates, t1 - t0, and what share of files each tier decided."""
    delays_ms = [o.t1_t0_ms for o in outcomes if o.t1_t0_ms is not None]
    tiers = Counter(o.tier for o in outcomes if o.t1_t0_ms is not None)
    spread = {f"p{p}": round(float(np.percentile(delays_ms, p)), 1) for p in (50, 90, 95, 99)}
    return {
        "n": len(outcomes),
        "no_endpoint": len(outcomes) - len(delays_ms),
        "early_cutoff_rate": round(float(np.mean([o.early for o in outcomes])), 4),
        "unrepaired_rate": round(float(np.mean([o.unrepaired for o in outcomes])), 4),
        "t1_t0_ms": {"mean": round(float(np.mean(delays_ms)), 1), **spread},
        "tiers": {t: round(n / len(delays_ms), 4) for t, n in sorted(tiers.items())},
    }


def curve(stand: Stand, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """A point for each tier and hangover."""
    points, turns, pause_ms = [], stand.pipeline.options.turns, stand.vad.pause_ms
    for usual_ms in HANGOVERS_MS:
        options = shifted(usual_ms, turns, pause_ms)
        allowing: dict[str, Allow] = {
            name: partial(allow_some, tiers, options) for name, tiers in TIERS.items()
        }
        allowing[BLANKS] = partial(allow_from_last_letter, usual_ms, pause_ms)
        for name, rule in allowing.items():
            progress(f"{usual_ms} ms, {name}")
            found = stand.point(rule, options.dangling_ms)
            default = name == "all" and usual_ms == turns.usual_ms
            points.append({"policy": name, "usual_ms": usual_ms, "default": default, **found})
    return points


def habits(stand: Stand, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """All tiers in sessions of one speaker, for bounds of the habit; the usual one: without it."""
    points, turns = [], stand.pipeline.options.turns
    for slow_ms in SLOW_MS:
        progress(f"habit up to {slow_ms} ms")
        options = replace(turns, slow_ms=slow_ms)
        rule = partial(allow_some, TIERS["all"], options)
        found = stand.point(rule, options.dangling_ms, sessions=True)
        points.append({"slow_ms": slow_ms, "default": slow_ms == turns.slow_ms, **found})
    return points
