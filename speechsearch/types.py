"""The nouns that stages hand to one another. Audio is float32 [samples], 16 kHz mono, -1..1."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
"""The one rate inside the pipeline; the shells resample to it."""

Audio = npt.NDArray[np.float32]
"""float32 [samples], 16 kHz mono, -1..1"""

LogProbs = npt.NDArray[np.float32]
"""float32 [frames, letters], natural logarithm, each row sums to one"""


class Decoder(StrEnum):
    """What turns log-probs into words."""

    GREEDY = "greedy"
    """The best letter of each frame"""
    BEAM = "beam"
    """Prefix beam search with n-best"""


class SearchMode(StrEnum):
    """What an utterance is ranked by."""

    FULL = "full"
    """Its words and its sound"""
    TEXT = "text"
    """Its words alone, as if they had been typed"""


class Engine(StrEnum):
    """What runs the acoustic model."""

    AUTO = "auto"
    """ONNX Runtime on a CPU, torch where there is a GPU"""
    ONNX = "onnx"
    TORCH = "torch"


class Device(StrEnum):
    """Where the acoustic model runs."""

    AUTO = "auto"
    """A GPU where there is one"""
    CPU = "cpu"
    CUDA = "cuda"


ONE_EAR, BEST_EARS = "off", "auto"
"""The second pass of whoever has none, and of whoever takes the best that is installed"""


def ms_to_samples(ms: float) -> int:
    """Whole samples in a span at 16 kHz."""
    return round(ms * SAMPLE_RATE_HZ / 1000)


def samples_to_ms(samples: int) -> float:
    """Length of a span at 16 kHz."""
    return samples * 1000 / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A piece of the session's time line: ``samples`` begin at position ``start_sample``."""

    samples: Audio
    start_sample: int

    @property
    def end_sample(self) -> int:
        """Position one past the last sample."""
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Speech between two endpoints, pre-roll included.

    The first ``lead_samples`` are the sound since the utterance before: they only count where this
    one goes on with that one's sentence.
    """

    number: int
    samples: Audio
    start_sample: int
    lead_samples: int = 0

    @property
    def end_sample(self) -> int:
        """Position one past the last sample."""
        return self.start_sample + len(self.samples)

    @property
    def duration_ms(self) -> float:
        """Length, silence at the ends included."""
        return samples_to_ms(len(self.samples))


@dataclass(frozen=True, slots=True)
class Word:
    """A word on the session's time line."""

    word: str
    start_s: float
    end_s: float
    confidence: float
    """0..1"""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of an utterance."""

    text: str
    confidence: float
    """0..1"""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a catalogue."""

    id: str
    title: str
    aliases: tuple[str, ...] = ()
    url: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    """All other columns, as they came."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One item found; best first in a list of hits."""

    id: str
    title: str
    score: float
    """0..1, comparable within one answer"""
    why: str
    """What put it here: ``text`` or ``sound``"""
    url: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What the server side knows of one utterance."""

    utterance: int
    hypotheses: tuple[Hypothesis, ...]
    """n-best, best first; empty when there was no speech"""
    hits: tuple[Hit, ...]
    timings_ms: dict[str, float]
    model: str
    ear: str = "ctc"
    continues: int | None = None
    """The earlier utterance that this one takes in"""
    answer_confidence: float = 0.0
    """Calibrated probability that the first hit is what was asked for, 0 where there is none"""
    why_nothing: str = ""
    """What the sound was taken for where there is no hypothesis"""

    @property
    def text(self) -> str:
        """The best reading, empty when there was no speech."""
        return self.hypotheses[0].text if self.hypotheses else ""
