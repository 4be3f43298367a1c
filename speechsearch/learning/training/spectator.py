"""What a training tells whoever looks on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from speechsearch.asr.wer import Errors
from speechsearch.learning.training.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step."""

    step: int
    """From 1"""
    epoch: int
    loss: float
    letters: float
    """CTC, nats a letter"""
    teacher: float
    """Divergence, nats a frame"""
    gradient: float
    """Its norm before it was clipped"""
    rate: float
    """Of the encoder"""
    heard_s: float
    """Sound learned from so far, without padding"""
    worked_s: float
    left_s: float
    """How long the rest will take, at the pace of this run"""

    @property
    def row(self) -> Mapping[str, Any]:
        """For the metrics: times to the millisecond, losses in full, to be compared."""
        rounded = {
            name: round(getattr(self, name), 3) for name in ("heard_s", "worked_s", "left_s")
        }
        return {"kind": "step", **asdict(self), **rounded}


@dataclass(frozen=True, slots=True)
class Sample:
    """What was said, and what was heard."""

    said: str
    heard: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A table as it is heard now."""

    name: str
    recordings: int
    errors: Errors
    samples: tuple[Sample, ...]

    def row(self, step: int) -> Mapping[str, Any]:
        """For the metrics."""
        return {
            "kind": "watch",
            "step": step,
            "name": self.name,
            "recordings": self.recordings,
            "wer": round(self.errors.wer, 5),
            "cer": round(self.errors.cer, 5),
            "samples": [asdict(sample) for sample in self.samples],
        }


class Spectator(Protocol):
    """Sees what happens; changes nothing."""

    def started(self, corpus: Corpus, steps_done: int) -> None:
        """The data is known; so many steps were done before."""

    def stepped(self, stepped: Stepped) -> None:
        """A step is done."""

    def watched(self, step: int, tables: list[Watched]) -> None:
        """The watched tables were heard."""

    def saved(self, path: Path) -> None:
        """All that going on needs is on disk."""
