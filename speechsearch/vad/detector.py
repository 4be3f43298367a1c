"""What a voice activity detector is: a frame in, the probability of speech out."""

from __future__ import annotations

from typing import Protocol

from speechsearch.types import Audio


class Detector(Protocol):
    """Hears frames in order; keeps whatever memory it needs between them."""

    name: str
    frame_samples: int
    """How much it hears at a time."""

    def speech_probability(self, frame: Audio) -> float:
        """0..1 for float32 [frame_samples], 16 kHz mono, -1..1."""
        ...

    def reset(self) -> None:
        """Forget what was heard: the next frame begins another time line."""
        ...
