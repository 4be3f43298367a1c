"""What a span is here, and how server and client find one trace without a word between them.

    utterance                          the server's, from the first sound to what became of it
    ├─ capture  endpoint  wait
    ├─ queue  decode  hypothesis  search  second pass
    ├─ click | redo | typed | abandoned
    └─ client                          the client's own clock, where it exports too
       └─ capture  endpoint  answer

Both know the session and the number of the utterance; every id follows from these. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

ROOT = "utterance"
CLIENT = "utterance/client"
Attribute = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of an utterance; never a word of what was said, nor a sample."""

    session: str
    utterance: int
    path: str
    """Where it hangs: ``utterance/decode`` is under ``utterance``"""
    began_s: float
    """Since 1970, as ``ended_s``"""
    ended_s: float
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    ordinal: int = 0
    """Tells spans of one path apart"""
    error: str = ""
    """Wire code of what went wrong"""
    continues: int | None = None
    """An earlier utterance that this one takes in"""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path above; empty for the whole."""
        return self.path.rpartition("/")[0]


class Traces(Protocol):
    """Takes spans that are over; returns at once."""

    def emit(self, span: Span) -> None:
        """Export it some time, or drop it."""
        ...

    def close(self) -> None:
        """No more will come; may take some seconds."""
        ...


class Untraced:
    """Nobody collects spans."""

    def emit(self, span: Span) -> None:
        """Let it pass."""

    def close(self) -> None:
        """Nothing waits."""


def trace_id(session: str, utterance: int) -> str:
    """One id from capture to click: 128 bits in hex, as OpenTelemetry has them."""
    return hashlib.blake2b(f"{session}/{utterance}".encode(), digest_size=16).hexdigest()


def span_id(session: str, utterance: int, path: str, ordinal: int = 0) -> str:
    """64 bits in hex."""
    name = f"{session}/{utterance}/{path}/{ordinal}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
