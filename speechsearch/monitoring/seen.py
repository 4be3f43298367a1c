"""What the server tells its observer, after the answer is sent: small records, in order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from speechsearch.asr.model import ModelInfo
from speechsearch.clock import Lap
from speechsearch.monitoring.observation import Passed
from speechsearch.types import Result
from speechsearch.wire.messages import Report

CHAMPION = "champion"
"""The arm of all sessions where no other version is tried"""


@dataclass(frozen=True, slots=True)
class Turn:
    """An utterance's place in time, in seconds on one clock, and who was to answer it."""

    began_s: float
    """Its first sound came"""
    ended_s: float
    """The endpoint was known"""
    silence_ms: float = 0.0
    """From the end of speech to the endpoint, on the sound's clock"""
    pauses: int = 0
    """That went on"""
    arm: str = CHAMPION

    def later(self, seconds: float) -> Turn:
        """The same on a clock that is so much ahead."""
        return replace(self, began_s=self.began_s + seconds, ended_s=self.ended_s + seconds)


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance and its answer."""

    session: str
    utterance: int
    passed: Passed
    result: Result
    wait_ms: float
    """From the endpoint to the answer"""
    pauses: int = 0
    """That went on"""
    vad: str = ""
    """What found its ends, where that was the server"""
    turn: Turn | None = None
    """In seconds since 1970, as all that follows"""
    laps: tuple[Lap, ...] = ()
    """What was done for it when"""
    info: ModelInfo | None = None
    """Of the model that heard it; None: the one that the server began with"""

    @property
    def arm(self) -> str:
        """Whose session it was of."""
        return self.turn.arm if self.turn else CHAMPION


@dataclass(frozen=True, slots=True)
class Reheard:
    """A second ear is done with an utterance."""

    session: str
    utterance: int
    outcome: str
    lap: Lap


@dataclass(frozen=True, slots=True)
class Queried:
    """A typed query was answered."""

    session: str
    words: int
    hits: int
    ms: float


@dataclass(frozen=True, slots=True)
class Acted:
    """The person did something with an answer."""

    session: str
    utterance: int
    action: str
    hit: str


@dataclass(frozen=True, slots=True)
class Reported:
    """The client told of itself."""

    session: str
    report: Report


@dataclass(frozen=True, slots=True)
class Failed:
    """Something was refused with a wire code."""

    code: str
    session: str = ""
    utterance: int = 0
    """The utterance that got no answer for it; 0: it was none"""
    turn: Turn | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """A dropped client came back to its session."""

    session: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The session is over."""

    session: str


Seen = Heard | Reheard | Queried | Acted | Reported | Failed | Resumed | Gone
