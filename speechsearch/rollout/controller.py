"""The decisions of a rollout, as functions of the state and the time.

    idle ─ start ─► proving ─ proved ─► shadow ─► canary 5 ► 10 ► 25 ► 50 ► 100 % ─► warm ─► idle
      ▲                │                   │            │                             │
      └────────────────┴─── rollback ──────┴────────────┴──── the pointer goes back ──┘

``tick`` goes on by itself: one step at a time, when the step has lasted long enough, has its
sessions and the judge says ``pass``. A ``fail`` or a crash loop throws the challenger out at once,
paused or not. Nothing here reads a clock or writes a file; times are seconds of a clock that goes
on while the process does not live (``time.time``). Raises IllegalTransition for what cannot follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from speechsearch.errors import IllegalTransition
from speechsearch.rollout.comparison import Compared
from speechsearch.rollout.judge import Judge, Verdict
from speechsearch.rollout.router import Arm
from speechsearch.rollout.state import Decision, Incident, Phase, Plan, State, Transition

CONTROLLER = "controller"
"""Who did it, where it was no person"""
RUNNING = (Phase.PROVING, Phase.SHADOW, Phase.CANARY)


def install(state: State, version: str, now_s: float, who: str) -> Decision:
    """The very first champion, whom there is nobody to compare with."""
    if state.champion:
        raise IllegalTransition(
            f"{state.champion} is champion already", hint="Start a rollout of the new version"
        )
    return _moved(state, now_s, who, "installed as the first", **{state.live: version})


def start(state: State, version: str, plan: Plan, now_s: float, who: str) -> Decision:
    """Begin to let a version in."""
    if not state.champion:
        raise IllegalTransition("there is no champion to compare with", hint="Install one first")
    if state.phase not in (Phase.IDLE, Phase.WARM):
        raise IllegalTransition(
            f"{state.other} is being rolled out", hint="Roll it back or wait until it is through"
        )
    if version in ("", state.champion):
        raise IllegalTransition(f"{version!r} is the champion", hint="Start another version")
    changes = {state.live.other: version, "rollout": f"{version}@{now_s:.3f}", "plan": plan}
    fresh = {"crashed_s": (), "compared": Compared(), "seen": 0, "met": 0}
    return _moved(state, now_s, who, "started", phase=Phase.PROVING, **changes, **fresh)


def proved(state: State, faults: str, now_s: float) -> Decision:
    """The other colour has loaded, warmed up and answered the golden utterances, or failed to."""
    if state.phase is not Phase.PROVING:
        raise IllegalTransition(f"nothing is proving itself: {state.place}", hint="Start a rollout")
    if faults:
        return _out(state, now_s, CONTROLLER, f"golden utterances: {faults}")
    if state.plan.switch:
        why = "golden utterances, switched"
        return _moved(state, now_s, CONTROLLER, why, phase=Phase.WARM, live=state.live.other)
    judge = Judge.fresh(state.plan.shadow)
    changes = {"phase": Phase.SHADOW, "judge": judge, "paused": state.paused}
    return _moved(state, now_s, CONTROLLER, "golden utterances", **changes)


def heard_by_both(
    state: State, rollout: str, champion: Mapping[str, float], challenger: Mapping[str, float]
) -> State:
    """A session of the shadow is over; one of another rollout or phase comes too late to count."""
    if state.phase is not Phase.SHADOW or rollout != state.rollout or state.judge is None:
        return state
    judge = state.judge.add_pair(champion, challenger)
    return msgspec.structs.replace(state, judge=judge)


def answered(state: State, rollout: str, arm: Arm, session: Mapping[str, float]) -> State:
    """A session is over that one arm has answered; see ``heard_by_both``."""
    if state.phase is not Phase.CANARY or rollout != state.rollout or state.judge is None:
        return state
    return msgspec.structs.replace(state, judge=state.judge.add(arm, session))


def tick(state: State, now_s: float) -> Decision:
    """What time and evidence make of it; to be asked every few seconds."""
    if state.phase is Phase.WARM and now_s - state.since_s >= state.plan.warm_s:
        return let_go(state, now_s, CONTROLLER, "the old version is let go")
    if state.judge is None:
        return Decision(state)
    verdict = state.judge.verdict
    if verdict is Verdict.FAIL:
        failed = [one.name for one in state.judge.report() if one.verdict is Verdict.FAIL]
        return _out(state, now_s, CONTROLLER, f"worse than the champion: {', '.join(failed)}")
    waited = now_s - state.since_s >= state.hold_s
    passed = verdict is Verdict.PASS or state.last_step
    if state.paused or not (waited and passed and state.sampled):
        return Decision(state)
    return _on(state, now_s, CONTROLLER, "passed")


def let_go(state: State, now_s: float, who: str, why: str) -> Decision:
    """The old champion is no longer needed, or cannot be had."""
    if state.phase is not Phase.WARM:
        raise IllegalTransition(f"no old version is warm: {state.place}", hint="Nothing to do")
    return _moved(state, now_s, who, why, phase=Phase.IDLE, **{state.live.other: ""})


def crashed(state: State, now_s: float) -> Decision:
    """The challenger, or the champion that was one until just now, has died."""
    if state.phase is Phase.IDLE:
        return Decision(state)
    recent = [at for at in state.crashed_s if 0 <= now_s - at < state.plan.crash_window_s]
    state = msgspec.structs.replace(state, crashed_s=(*recent, now_s))
    if len(state.crashed_s) < state.plan.crashes:
        return Decision(state)
    return _out(state, now_s, CONTROLLER, f"crash loop: {len(state.crashed_s)} crashes")


def pause(state: State, now_s: float, who: str) -> Decision:
    """Stay at this step; it is still thrown out when it fails."""
    _must_run(state)
    if state.paused:
        raise IllegalTransition("it is paused already", hint="Resume it, or roll it back")
    return _noted(state, now_s, who, "paused", paused=True)


def resume(state: State, now_s: float, who: str) -> Decision:
    """Go on; the step's time has run on meanwhile."""
    _must_run(state)
    if not state.paused:
        raise IllegalTransition("it is not paused", hint="Nothing has to be done")
    return _noted(state, now_s, who, "resumed", paused=False)


def promote(state: State, now_s: float, who: str) -> Decision:
    """A person goes one step on without waiting, but not without the step's sessions."""
    _must_run(state)
    if not state.sampled or state.judge is None or state.judge.verdict is Verdict.FAIL:
        raise IllegalTransition(
            f"{state.place} has not enough sessions to go on", hint="Wait for them, or roll back"
        )
    return _on(state, now_s, who, "promoted by hand")


def rollback(state: State, now_s: float, who: str, why: str) -> Decision:
    """A person throws it out, or goes back to the old version while that is warm."""
    if state.phase is Phase.IDLE:
        raise IllegalTransition(
            "nothing is being rolled out", hint="Start a rollout of the version to go back to"
        )
    return _out(state, now_s, who, why)


def _must_run(state: State) -> None:
    if state.phase not in RUNNING:
        raise IllegalTransition(f"no rollout is under way: {state.place}", hint="Start one")


def _on(state: State, now_s: float, who: str, why: str) -> Decision:
    """One step further; after the last the pointer is switched."""
    if state.last_step:
        return _moved(state, now_s, who, why, phase=Phase.WARM, live=state.live.other)
    step = state.step + 1 if state.phase is Phase.CANARY else 0
    judge = Judge.fresh(state.plan.canary)
    changes = {"step": step, "judge": judge, "paused": state.paused}
    return _moved(state, now_s, who, why, phase=Phase.CANARY, **changes)


def _out(state: State, now_s: float, who: str, why: str) -> Decision:
    """Back to the version that was champion before; the other one is let go."""
    back = state.phase is Phase.WARM
    thrown = state.live if back else state.live.other
    judge = state.judge
    incident = Incident(
        at_s=now_s,
        rollout=state.rollout,
        version=state.champion if back else state.other,
        reason=why,
        place=state.place,
        shares=state.shares,
        champion_sessions=judge.champion_sessions if judge else 0,
        challenger_sessions=judge.challenger_sessions if judge else 0,
        evidence=judge.report() if judge else [],
        compared=state.compared.means,
        seen=state.seen,
        met=state.met,
    )
    changes = {thrown: "", "live": thrown.other}
    moved = _moved(state, now_s, who, f"rolled back: {why}", phase=Phase.IDLE, **changes)
    return msgspec.structs.replace(moved, incident=incident)


def _moved(state: State, now_s: float, who: str, why: str, **changes: Any) -> Decision:
    """A step begins: its time now, nothing of the last step's evidence."""
    fresh = {"since_s": now_s, "step": 0, "judge": None, "paused": False}
    return _noted(state, now_s, who, why, **{**fresh, **changes})


def _noted(state: State, now_s: float, who: str, why: str, **changes: Any) -> Decision:
    after = msgspec.structs.replace(state, **changes)
    switched = after.live is not state.live
    version = (
        (state.champion if after.phase is Phase.IDLE else after.champion)
        if switched
        else (after.other or state.other or after.champion)
    )
    transition = Transition(
        at_s=now_s, rollout=after.rollout, version=version,
        before=state.place, after=after.place, who=who, why=why,
    )  # fmt: skip
    return Decision(after, transition)
