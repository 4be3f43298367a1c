"""What the server tells its observer, after the answer is sent: small records, in order."""

from __future__ import annotations

from dataclasses import dataclass

from speechsearch.monitoring.observation import Passed
from speechsearch.types import Result
from speechsearch.wire.messages import Report


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


@dataclass(frozen=True, slots=True)
class Resumed:
    """A dropped client came back to its session."""

    session: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The session is over."""

    session: str


Seen = Heard | Queried | Acted | Reported | Failed | Resumed | Gone
