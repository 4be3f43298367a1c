"""How much the answer may do by itself, for one catalogue or client; people decide on more.

A degree is left downwards by itself, at once, when the evidence (``betting.py``, looked at after
every answer) says that it does more harm than is allowed. Upwards it is only ever proposed. What is
counted are sessions, not utterances, as in ``judge.py``. Raises IllegalTransition.
"""

from __future__ import annotations

import math
from enum import IntEnum, StrEnum

import msgspec

from speechsearch.errors import IllegalTransition
from speechsearch.rollout.betting import Bet


class Degree(IntEnum):
    """From nothing to everything."""

    HUMAN_ONLY = 0
    """The person types and picks; nothing is heard"""
    SHADOW = 1
    """The person types and picks; what would have been offered is only compared with that"""
    ASSISTANCE = 2
    """Hits are offered, nothing is opened"""
    PARTIAL = 3
    """The first hit is opened where it is sure enough, else hits are offered"""
    FULL = 4
    """The first hit is opened"""


class Action(StrEnum):
    """What is done with an answer."""

    NOTHING = "nothing"
    COMPARE = "compare"
    OFFER = "offer"
    OPEN = "open"


def action(degree: Degree, answer_confidence: float, open_above: float) -> Action:
    """What the degree allows for an answer whose first hit is right with ``answer_confidence``."""
    if degree is Degree.PARTIAL:
        return Action.OPEN if answer_confidence > open_above else Action.OFFER
    return {
        Degree.HUMAN_ONLY: Action.NOTHING,
        Degree.SHADOW: Action.COMPARE,
        Degree.ASSISTANCE: Action.OFFER,
        Degree.FULL: Action.OPEN,
    }[degree]


class Tally(msgspec.Struct, frozen=True):
    """What people made of a degree's answers, counted by answer."""

    answers: int = 0
    accepted: int = 0
    """The first hit was what they took; in the shadow: what they picked without seeing it"""
    opened: int = 0
    wrong_opens: int = 0
    """Opened by itself, and left for another"""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.answers + other.answers,
            self.accepted + other.accepted,
            self.opened + other.opened,
            self.wrong_opens + other.wrong_opens,
        )

    @property
    def acceptance(self) -> float:
        """Share of answers, 0..1; 0 where there was none."""
        return self.accepted / max(1, self.answers)

    @property
    def override(self) -> float:
        """Share of answers instead of which people took something else."""
        return (self.answers - self.accepted) / max(1, self.answers)

    @property
    def wrong_open(self) -> float:
        """Share of what was opened by itself."""
        return self.wrong_opens / max(1, self.opened)


class DegreeOptions(msgspec.Struct, frozen=True):
    """When to propose more, and when to do less."""

    up_acceptance: float = 0.8
    """More is proposed where people surely take the first hit at least so often"""
    down_override: float = 0.5
    """Less is done where they surely override so often"""
    down_wrong_open: float = 0.1
    """Or where so much is opened wrongly"""
    alpha: float = 0.01
    """Chance of each of these to be said where it is not so"""


class Ladder(msgspec.Struct, frozen=True):
    """One catalogue's or client's degree and what is known of it; fresh at every degree."""

    degree: Degree
    ceiling: Degree = Degree.FULL
    """A person's word on how far it may ever go"""
    options: DegreeOptions = DegreeOptions()
    tally: Tally = Tally()
    accepted: Bet | None = None
    overridden: Bet | None = None
    wrongly_opened: Bet | None = None

    def add(self, session: Tally) -> Ladder:
        """The ladder after one more session; a degree lower where that did too much harm."""
        if not session.answers:
            return self
        options = self.options
        accepted = self.accepted or Bet(options.up_acceptance, 0.0)
        overridden = self.overridden or Bet(options.down_override, 0.0)
        opened = self.wrongly_opened or Bet(options.down_wrong_open, 0.0)
        after = msgspec.structs.replace(
            self,
            tally=self.tally + session,
            accepted=accepted.add(session.acceptance),
            overridden=overridden.add(session.override),
            wrongly_opened=opened.add(session.wrong_open) if session.opened else opened,
        )
        return after.at(Degree(after.degree - 1)) if after.does_harm else after

    @property
    def does_harm(self) -> bool:
        """Whether what people see is surely not what they want; unseen, nothing harms."""
        if self.degree < Degree.ASSISTANCE:
            return False
        opens = self.degree >= Degree.PARTIAL
        return self._sure(self.overridden) or (opens and self._sure(self.wrongly_opened))

    @property
    def proposal(self) -> Degree | None:
        """The next degree where it has been earned and the ceiling allows it, else None."""
        if self.degree >= self.ceiling or not self._sure(self.accepted):
            return None
        return Degree(self.degree + 1)

    def step_up(self, person: str) -> Ladder:
        """A person takes a proposal on."""
        if not person:
            raise IllegalTransition("a step up needs a person", hint="Say who decides")
        proposal = self.proposal
        if proposal is None:
            raise IllegalTransition(
                f"no step up from {self.degree.name.lower()} is proposed",
                hint="Wait for more sessions, or set the degree by hand",
            )
        return self.at(proposal)

    def at(self, degree: Degree) -> Ladder:
        """That degree, of which nothing is known yet."""
        return Ladder(degree, self.ceiling, self.options)

    def _sure(self, bet: Bet | None) -> bool:
        return bet is not None and bet.log_evidence >= -math.log(self.options.alpha)
