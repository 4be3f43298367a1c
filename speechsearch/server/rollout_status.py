"""Where a rollout stands, as the API, the command line and the page tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from speechsearch.errors import VersionError
from speechsearch.rollout.difference import PartPair, part_pairs
from speechsearch.rollout.judge import MetricReport, Verdict
from speechsearch.rollout.state import Phase, State

if TYPE_CHECKING:
    from speechsearch.server.rollouts import Rollouts


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stands."""

    phase: Phase
    place: str
    places: list[str]
    """All that this rollout goes through, in order; empty where there is none"""
    paused: bool
    champion: str
    challenger: str
    parts: list[PartPair]
    """Of champion and challenger"""
    rollout: str
    since_s: float
    """Seconds since the epoch"""
    hold_s: float
    """This step lasts at least so long"""
    fewest_sessions: int
    """Of either arm, that this step needs"""
    shares: dict[str, float]
    """0..1 by arm"""
    verdict: str
    champion_sessions: int
    challenger_sessions: int
    evidence: list[MetricReport]
    compared: dict[str, float]
    """Means over the utterances that both have heard, and ``utterances``"""
    shadow: dict[str, int]
    """Utterances since the server started: heard, dropped"""
    seen: int
    met: int
    """Sessions that spoke since the rollout began, and those that the challenger answered"""


def status_of(rollouts: Rollouts) -> Status:
    """That of now."""
    state, mirror = rollouts.state, rollouts.mirror
    judge = state.judge
    return Status(
        phase=state.phase,
        place=state.place,
        places=[] if state.phase is Phase.IDLE else state.plan.places,
        paused=state.paused,
        champion=state.champion,
        challenger=state.other,
        parts=_parts(rollouts, state),
        rollout=state.rollout,
        since_s=state.since_s,
        hold_s=state.hold_s,
        fewest_sessions=judge.options.fewest_sessions if judge else 0,
        shares={arm.value: part for arm, part in state.shares.by_arm.items()},
        verdict=(judge.verdict if judge else Verdict.INCONCLUSIVE).value,
        champion_sessions=judge.champion_sessions if judge else 0,
        challenger_sessions=judge.challenger_sessions if judge else 0,
        evidence=judge.report() if judge else [],
        compared={"utterances": state.compared.utterances, **state.compared.means},
        shadow={"heard": mirror.mirrored, "dropped": mirror.dropped},
        seen=state.seen,
        met=state.met,
    )


def _parts(rollouts: Rollouts, state: State) -> list[PartPair]:
    """None where a manifest is damaged: who has to roll back must see where it stands."""
    try:
        champion, other = (
            rollouts.registered(one) if one else None for one in (state.champion, state.other)
        )
    except VersionError:
        return []
    return part_pairs(champion, other) if champion else []
