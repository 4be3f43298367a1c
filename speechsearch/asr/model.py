"""What every acoustic model says about itself and does: 16 kHz audio in, log-probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speechsearch.asr.normalisation import Normalisation
from speechsearch.errors import AudioError
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The letters a model writes; the column of ``LogProbs`` is the position in ``letters``."""

    letters: tuple[str, ...]
    blank_id: int
    delimiter_id: int
    hidden_ids: frozenset[int]
    """Never shown: blank, sentence marks, unknown, and columns without a letter."""

    @property
    def ids(self) -> Mapping[str, int]:
        """Column of each letter."""
        return {letter: i for i, letter in enumerate(self.letters) if letter}

    @property
    def word_delimiter(self) -> str:
        """The letter between two words."""
        return self.letters[self.delimiter_id]


@dataclass(frozen=True, slots=True)
class FrameTiming:
    """Where frames lie on the sample axis."""

    stride_samples: int
    receptive_field_samples: int

    def frames(self, samples: int) -> int:
        """How many frames ``samples`` of audio give."""
        beyond_first = samples - self.receptive_field_samples
        return beyond_first // self.stride_samples + 1 if beyond_first >= 0 else 0

    def samples(self, frames: int) -> int:
        """The least audio that gives so many (at least one) frames."""
        return (frames - 1) * self.stride_samples + self.receptive_field_samples

    def span(self, frames: slice) -> slice:
        """The samples that a run of (at least one) frames hears."""
        start = frames.start * self.stride_samples
        return slice(start, start + self.samples(frames.stop - frames.start))

    def start_s(self, frame: int) -> float:
        """When frame ``frame`` begins: one stride, centred in what the frame hears."""
        lead_samples = (self.receptive_field_samples - self.stride_samples) / 2
        return (frame * self.stride_samples + lead_samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """All that the stages after the model need to know of it; every value comes from its folder."""

    name: str
    version: str
    sha256: str
    """First 12 hexadecimal digits of the weights' hash."""
    vocabulary: Vocabulary
    timing: FrameTiming
    max_samples: int
    """The longest audio heard in one piece; anything longer is heard in overlapping pieces."""
    normalise: bool
    """Whether the input is brought to zero mean and unit variance per utterance."""
    local_features: bool = False
    """Whether a convolution feature depends on its receptive field alone, so that it may be kept
    while the utterance grows; a group norm takes its statistics over all of the time."""

    @property
    def label(self) -> str:
        """How results and metrics name the model."""
        return f"{self.name}@{self.version}"

    def normalisation(self, samples: Audio) -> Normalisation:
        """What is done to float32 [samples] before the model hears them, here and in training."""
        return Normalisation.of(samples) if self.normalise and samples.size else Normalisation()


def check_audio(samples: Audio) -> None:
    """``AudioError`` unless float32 [samples] and finite."""
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise AudioError(
            f"Audio is {samples.dtype} of {samples.ndim} dimensions",
            hint="Give float32 of one dimension, 16 kHz mono, -1..1",
        )
    if not np.isfinite(samples).all():
        raise AudioError("Audio holds NaN or infinity", hint="Check the source of the samples")


class Listening(Protocol):
    """Hears one utterance while it grows; one thread at a time."""

    def log_probs(self, samples: Audio) -> LogProbs:
        """Float32 [frames, letters] for all of the utterance so far, float32 [samples].

        Each call's audio begins with that of the call before; audio that does not is heard anew.
        Raises ``AudioError`` for audio that is not finite float32 of one dimension.
        """
        ...


class AcousticModel(Protocol):
    """Hears letters."""

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        ...

    def log_probs(self, samples: Audio) -> LogProbs:
        """Float32 [frames, letters] for float32 [samples]; no frames below the receptive field.

        Raises ``AudioError`` for audio that is not finite float32 of one dimension.
        """
        ...

    def log_probs_of(self, sounds: Sequence[Audio]) -> list[LogProbs]:
        """What ``log_probs`` gives for each, in their order; equally long ones may share the work.

        Raises ``AudioError`` as ``log_probs`` does.
        """
        ...

    def listen(self) -> Listening:
        """Begin an utterance that is to be heard while it is spoken."""
        ...

    def warm_up(self) -> None:
        """Pay for first-time costs."""
        ...
