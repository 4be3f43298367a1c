"""What a source of sound is: blocks in order, each with the instant it was heard."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from speechsearch.types import Audio

BLOCK_SAMPLES = 512
"""32 ms: the step in which sound moves through the client. The neural detector hears so much at
once, so that no frame waits for its last samples to come with the next block."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Sound as it arrives: float32 [n], 16 kHz mono."""

    samples: Audio
    heard_at_s: float
    """Clock instant at which its last sample was heard"""


NoticeKind = Literal[
    "lost", "returned", "changed", "gap", "overrun", "asleep", "narrow", "muted", "unmuted",
    "released",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceNotice:
    """Something the person should know about the source, e.g. that the device vanished."""

    message: str
    kind: NoticeKind = "lost"
    missed_s: float = 0.0
    """Seconds of sound that were not heard, where that is known"""
    at_s: float = 0.0
    """Clock instant at which the person let go of the key, for ``released``"""

    @property
    def interrupts(self) -> bool:
        """Whether what was being said ends here."""
        return self.kind in ("lost", "changed", "asleep", "released")


class Source(Protocol):
    """A microphone, or a recording that plays like one."""

    @property
    def overruns(self) -> int:
        """Times the device had sound that nobody fetched in time."""
        ...

    @property
    def name(self) -> str:
        """What is heard now: a device or a recording."""
        ...

    def name_at(self, sample: int) -> str:
        """What was playing at a position on the time line."""
        ...

    def blocks(self) -> AsyncGenerator[Block | SourceNotice, None]:
        """Blocks as they are heard, until the source ends or is closed."""
        ...
