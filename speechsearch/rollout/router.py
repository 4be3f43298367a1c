"""Which version answers a session: a keyed hash puts it on a line, shares cut the line in parts.

    0                                                              PARTS
    |- challenger ->|              champion              |<- shadow -|

The challenger's part grows from the left, the shadow's from the right, so that a change of shares
moves only the sessions it has to: those between the old border and the new one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import msgspec

PARTS = 10_000
"""Shares are counted in hundredths of a per cent: whole numbers add up exactly"""
_HASH_BYTES = 8


class Arm(StrEnum):
    """Who answers a session."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"
    """The champion; the challenger hears it too, once the answer has been sent"""

    @property
    def answered_by_challenger(self) -> bool:
        """Whose answer is shown."""
        return self is Arm.CHALLENGER


class Shares(msgspec.Struct, frozen=True):
    """How many of ``PARTS`` go to the challenger and into the shadow; the rest is the champion's.

    They add up to ``PARTS`` whatever they are; ValueError where one would be negative.
    """

    challenger: int = 0
    shadow: int = 0

    def __post_init__(self) -> None:
        if min(self.challenger, self.shadow, self.champion) < 0:
            raise ValueError(f"shares of {PARTS} cannot be {self.challenger} and {self.shadow}")

    @property
    def champion(self) -> int:
        """What is left."""
        return PARTS - self.challenger - self.shadow

    @property
    def by_arm(self) -> dict[Arm, float]:
        """0..1 of each arm."""
        parts = {
            Arm.CHAMPION: self.champion,
            Arm.CHALLENGER: self.challenger,
            Arm.SHADOW: self.shadow,
        }
        return {arm: part / PARTS for arm, part in parts.items()}

    def at(self, point: int) -> Arm:
        """The arm at a point of the line, 0 to ``PARTS`` - 1."""
        if point < self.challenger:
            return Arm.CHALLENGER
        return Arm.SHADOW if point >= PARTS - self.shadow else Arm.CHAMPION


EVERYBODY_AS_BEFORE = Shares()
"""All sessions are the champion's"""


@dataclass(slots=True)
class Router:
    """Puts sessions on the line; ``shares`` may be changed at any time.

    The key is secret, so that nobody can choose an arm by choosing a name; ``rollout`` is part of
    the hash, so that it is not always the same people who meet what is new.
    """

    key: bytes
    """At most 64 bytes"""
    rollout: str
    shares: Shares = EVERYBODY_AS_BEFORE

    def point(self, session: str) -> int:
        """Where a session lies: uniform, 0 to ``PARTS`` - 1, the same as long as the key is."""
        name = f"{self.rollout}\0{session}".encode()
        digest = hashlib.blake2b(name, key=self.key, digest_size=_HASH_BYTES).digest()
        return int.from_bytes(digest) * PARTS >> 8 * _HASH_BYTES

    def arm(self, session: str) -> Arm:
        """The session's arm as the shares are now."""
        return self.shares.at(self.point(session))

    def seat(self, session: str) -> Seat:
        """A place that a session keeps for as long as it lives."""
        return Seat(self, session)


@dataclass(slots=True)
class Seat:
    """One session's arm; looked up anew when an utterance begins, never inside one."""

    router: Router
    session: str
    arm: Arm = Arm.CHAMPION
    _speaking: bool = False

    def __post_init__(self) -> None:
        self.arm = self.router.arm(self.session)

    def speech_start(self) -> Arm:
        """An utterance begins: its arm, which stays until it ends, however shares change."""
        if not self._speaking:
            self.arm, self._speaking = self.router.arm(self.session), True
        return self.arm

    def speech_end(self) -> None:
        """Its answer has been sent."""
        self._speaking = False
