"""Sound that a program already holds, made what the pipeline takes."""

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
