"""Whisper's picture of sound: logarithms of mel bands (Radford et al. 2022, Slaney 1998)."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from speechsearch.types import SAMPLE_RATE_HZ, Audio

WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
BANDS = 80
HZ_PER_MEL = 200 / 3
LOG_FROM_HZ = 1000.0
"""Above, each mel is a 27th of the way to 6.4 times the frequency; below, so many hertz"""
MOST_DECADES = 8.0
"""Under the loudest"""

Floats = npt.NDArray[np.float32]


def log_mel(samples: Audio) -> Floats:
    """float32 [BANDS, samples / HOP_SAMPLES] of float32 [samples]."""
    mirrored = np.pad(samples, WINDOW_SAMPLES // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(mirrored, WINDOW_SAMPLES)[::HOP_SAMPLES]
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames[: len(samples) // HOP_SAMPLES] * window)) ** 2
    mels = np.log10(np.maximum(_bands() @ power.T.astype(np.float32), 1e-10))
    return np.asarray((np.maximum(mels, mels.max() - MOST_DECADES) + 4) / 4, np.float32)


@cache
def _bands() -> Floats:
    """float32 [BANDS, WINDOW_SAMPLES / 2 + 1]: triangles of equal area."""
    log_from = LOG_FROM_HZ / HZ_PER_MEL
    top = log_from + 27 * np.log(SAMPLE_RATE_HZ / 2 / LOG_FROM_HZ) / np.log(6.4)
    mels = np.linspace(0, top, BANDS + 2)
    curved = LOG_FROM_HZ * np.exp(np.log(6.4) / 27 * (mels - log_from))
    edges = np.where(mels < log_from, mels * HZ_PER_MEL, curved)[:, None]
    hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    height = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * height, np.float32)
