"""What a rollout is: its plan, where it stands, what is written down about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from speechsearch.errors import IllegalTransition
from speechsearch.rollout.comparison import Compared
from speechsearch.rollout.judge import (
    CANARY_METRICS,
    SHADOW_METRICS,
    Judge,
    JudgeOptions,
    MetricReport,
)
from speechsearch.rollout.router import PARTS, Shares


class Phase(StrEnum):
    """Where a rollout stands."""

    IDLE = "idle"
    """One version, no other"""
    PROVING = "proving"
    """The other colour loads, warms up and has to get the golden utterances right"""
    SHADOW = "shadow"
    CANARY = "canary"
    WARM = "warm"
    """The challenger has become champion; the old one is ready to take over in an instant"""


class Colour(StrEnum):
    """Two places for a loaded version; one of them is live."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Colour:
        """The place that is not this one."""
        return Colour.GREEN if self is Colour.BLUE else Colour.BLUE


def canary_place(share: int) -> str:
    """A step of the canary in words."""
    return f"{Phase.CANARY} {share * 100 / PARTS:g} %"


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a version is let in; IllegalTransition where the plan skips the judge."""

    shadow_share: int = PARTS // 10
    canary_shares: tuple[int, ...] = tuple(PARTS * p // 100 for p in (5, 10, 25, 50, 100))
    shadow_hold_s: float = 600
    canary_hold_s: float = 600
    """Each step lasts at least so long"""
    warm_s: float = 600
    """The old version is kept loaded"""
    switch: bool = False
    """Everybody at once, as soon as it has proved itself: for what answers like the champion. No
    judge is asked; the old version stays warm"""
    crashes: int = 3
    crash_window_s: float = 60
    """So many crashes in so long a time are a crash loop"""
    shadow: JudgeOptions = JudgeOptions(SHADOW_METRICS, alpha=0.01, beta=0.01, fewest_sessions=200)
    canary: JudgeOptions = JudgeOptions(CANARY_METRICS, alpha=0.005, beta=0.05, fewest_sessions=50)
    """Of each step: with the shadow's, a false rollback has a chance of at most 3 %"""

    def __post_init__(self) -> None:
        growing = sorted(set(self.canary_shares)) == list(self.canary_shares)
        fewest = min(self.shadow.fewest_sessions, self.canary.fewest_sessions)
        if not (growing and self.canary_shares[-1:] == (PARTS,) and self.canary_shares[0] > 0):
            raise IllegalTransition(
                f"canary shares {self.canary_shares} must grow from above 0 to {PARTS}",
                hint="The last step is everybody",
            )
        if fewest < 1 or not 0 < self.shadow_share <= PARTS:
            raise IllegalTransition("a plan without samples judges nothing", hint="Ask for some")

    @property
    def places(self) -> list[str]:
        """What a version goes through, in words."""
        judged = [] if self.switch else [Phase.SHADOW, *map(canary_place, self.canary_shares)]
        return list(map(str, [Phase.PROVING, *judged, Phase.WARM]))


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All that a controller has to know to go on after it was killed."""

    phase: Phase = Phase.IDLE
    rollout: str = ""
    blue: str = ""
    green: str = ""
    """Versions, empty where none is loaded"""
    live: Colour = Colour.BLUE
    plan: Plan = Plan()
    step: int = 0
    """Of ``plan.canary_shares``"""
    since_s: float = 0.0
    """When this step began"""
    paused: bool = False
    judge: Judge | None = None
    crashed_s: tuple[float, ...] = ()
    compared: Compared = Compared()
    """Of this rollout"""
    seen: int = 0
    """Sessions that spoke since the rollout began"""
    met: int = 0
    """Those of them that the challenger answered at least once"""

    @property
    def champion(self) -> str:
        """Who answers by default."""
        return self.blue if self.live is Colour.BLUE else self.green

    @property
    def other(self) -> str:
        """The challenger, or while it is warm the old champion."""
        return self.green if self.live is Colour.BLUE else self.blue

    @property
    def shares(self) -> Shares:
        """Who gets how many sessions now."""
        if self.phase is Phase.SHADOW:
            return Shares(shadow=self.plan.shadow_share)
        if self.phase is Phase.CANARY:
            return Shares(challenger=self.plan.canary_shares[self.step])
        return Shares()

    @property
    def last_step(self) -> bool:
        """Whether everybody is answered by the challenger."""
        return self.phase is Phase.CANARY and self.step == len(self.plan.canary_shares) - 1

    @property
    def sampled(self) -> bool:
        """Whether this step has the sessions that it needs; the last has none of the champion."""
        if self.judge is None:
            return False
        fewest, challenger = self.judge.options.fewest_sessions, self.judge.challenger_sessions
        champion = challenger if self.last_step else self.judge.champion_sessions
        return min(champion, challenger) >= fewest

    @property
    def hold_s(self) -> float:
        """This step lasts at least so long."""
        plan = self.plan
        holds = {
            Phase.SHADOW: plan.shadow_hold_s,
            Phase.CANARY: plan.canary_hold_s,
            Phase.WARM: plan.warm_s,
        }
        return holds.get(self.phase, 0.0)

    @property
    def place(self) -> str:
        """The step in words."""
        if self.phase is Phase.CANARY:
            return canary_place(self.shares.challenger)
        return str(self.phase)


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history."""

    at_s: float
    rollout: str
    version: str
    before: str
    after: str
    who: str
    why: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version was thrown out, with the evidence."""

    at_s: float
    rollout: str
    version: str
    reason: str
    place: str
    shares: Shares
    champion_sessions: int
    challenger_sessions: int
    evidence: list[MetricReport]
    compared: dict[str, float] = {}
    """Means over the utterances that both have heard"""
    seen: int = 0
    met: int = 0
    """Sessions that spoke since the rollout began, and those that the challenger answered"""


class Decision(msgspec.Struct, frozen=True):
    """What comes of an event: the new state, and what is written down about it."""

    state: State
    transition: Transition | None = None
    incident: Incident | None = None
