"""Sound of any rate made what the pipeline takes: all at once, or as it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from speechsearch.errors import AudioError
from speechsearch.types import SAMPLE_RATE_HZ, Audio

RATES_HZ = (1_000, 768_000)
LOUDEST = 4.0
"""Filters may overshoot 1.0 a little; what is far above was never scaled to -1..1"""


def mono_16k(samples: npt.NDArray[Any], rate_hz: int) -> Audio:
    """float32 [n], 16 kHz, of float [n] or [n, channels] in -1..1, or int16, at any rate.

    Raises AudioError for anything else.
    """
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise AudioError(f"{rate_hz} Hz is no sample rate", hint="Say samples a second, e.g. 48000")
    if samples.ndim not in (1, 2) or not samples.size:
        raise AudioError(
            f"samples of shape {samples.shape} are no sound", hint="Give [n] or [n, channels]"
        )
    if samples.dtype == np.int16:
        samples = samples / 32768
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"samples of type {samples.dtype} are not taken", hint="Give float in -1..1, or int16"
        )
    sound = samples.astype(np.float32)
    if not np.isfinite(sound).all() or np.abs(sound).max() > LOUDEST:
        raise AudioError(
            "samples lie outside -1..1, or are no numbers", hint="Divide 16-bit samples by 32768"
        )
    mono: Audio = sound.mean(axis=1, dtype=np.float32) if sound.ndim == 2 else sound
    if rate_hz != SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ)
    return mono


class Resampler:
    """A stream to 16 kHz, keeping count of what the filter holds back."""

    def __init__(self, rate_hz: int) -> None:
        self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")
        self._ratio = SAMPLE_RATE_HZ / rate_hz
        self._held = 0.0

    def take(self, samples: Audio) -> tuple[Audio, float]:
        """What comes out, and how many seconds its end lies behind what went in."""
        out: Audio = self._stream.resample_chunk(samples)
        self._held += len(samples) * self._ratio - len(out)
        return out, self._held / SAMPLE_RATE_HZ

    def rest(self) -> Audio:
        """What the filter still holds; the last call."""
        out: Audio = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return out
