"""What a session brings to the server's attention."""

from __future__ import annotations

from dataclasses import dataclass

from speechsearch.types import Utterance
from speechsearch.wire import messages as m


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this to the client."""

    message: m.ServerMessage


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """An utterance is complete: answer it. Its sound reaches past ``end_sample``."""

    utterance: Utterance
    end_sample: int
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Silence since ``sample``: this may have been all of the utterance."""

    utterance: Utterance
    sample: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Speech goes on after a pause that lasted ``pause_ms``."""

    number: int
    pause_ms: float


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The open utterance is over and wants no answer."""

    number: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The client wants something other than speech answered, or tells of it."""

    message: m.Search | m.Feedback | m.Report


@dataclass(frozen=True, slots=True)
class Left:
    """The client said bye."""


Event = Reply | Paused | Resumed | UtteranceEnded | Withdrawn | Asked | Left
