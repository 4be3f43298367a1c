"""A telephone in a car: what a kind of speech sounds like that no model here was trained on.

The voice over the noise of tyres, wind and engine, through the band of the telephone network, coded
as it is there (ITU-T G.711, mu-law, 8 bit at 8 kHz).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import soxr

from speechsearch.learning.conditions import in_noise
from speechsearch.types import SAMPLE_RATE_HZ, Audio

LINE_HZ = 8000
BAND_HZ = (300.0, 3400.0)
SNR_DB = (5.0, 20.0)
ENGINE_HZ = (55.0, 110.0)
"""Firing of four cylinders between 1,650 and 3,300 turns a minute"""
HARMONICS = 24
MU = 255.0
LEVEL = 0.7
"""Peak on the line"""


@dataclass(frozen=True, slots=True)
class Telephone:
    """A ``Change`` of recordings: for each its own car and speed, whatever else is changed."""

    seed: int = 0

    def apply(self, samples: Audio, name: str) -> Audio:
        """Float32 [samples] at 16 kHz, as they come out at the other end."""
        random = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        noise = car(len(samples), random)
        return on_the_line(in_noise(samples, noise, random.uniform(*SNR_DB)))


def car(length: int, random: np.random.Generator) -> Audio:
    """Noise that falls by 6 dB an octave above 100 Hz, wind that comes and goes, the engine."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    spectrum /= np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), 100.0)
    road = np.fft.irfft(spectrum, length)
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    gusts = 1 + 0.5 * np.sin(2 * np.pi * (random.uniform(0.1, 0.5) * time_s + random.random()))
    turning_hz = random.uniform(*ENGINE_HZ) * (1 + 0.05 * np.sin(2 * np.pi * 0.2 * time_s))
    phase = 2 * np.pi * np.cumsum(turning_hz) / SAMPLE_RATE_HZ
    engine = sum(np.sin(n * phase + random.uniform(0, 6.28)) / n for n in range(1, HARMONICS + 1))
    mixed = road / road.std() * gusts + random.uniform(0.2, 0.7) * engine / np.std(engine)
    return np.asarray(mixed, np.float32)


def on_the_line(samples: Audio) -> Audio:
    """Band, 8 kHz, mu-law, and back to 16 kHz; as long as it was."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    spectrum *= 1 / np.sqrt(1 + (BAND_HZ[0] / np.maximum(hz, 1.0)) ** 8)  # Butterworth, order 4
    spectrum *= 1 / np.sqrt(1 + (hz / BAND_HZ[1]) ** 16)
    heard = np.fft.irfft(spectrum, len(samples))
    narrow = soxr.resample(heard, SAMPLE_RATE_HZ, LINE_HZ)
    narrow *= LEVEL / max(float(np.abs(narrow).max()), 1e-9)
    wide = soxr.resample(_coded(narrow), LINE_HZ, SAMPLE_RATE_HZ)
    out = np.zeros(len(samples), np.float32)
    out[: len(wide)] = wide[: len(out)]
    return out


def _coded(samples: np.ndarray) -> np.ndarray:
    """To 256 steps of a logarithmic scale and back."""
    bent = np.sign(samples) * np.log1p(MU * np.abs(samples)) / np.log1p(MU)
    steps = np.round(bent * 127) / 127
    return np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU
