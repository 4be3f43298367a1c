"""The noise floor of a recording: what goes on when its last sample is over."""

from __future__ import annotations

import numpy as np

from speechsearch.types import Audio, ms_to_samples

PIECE_SAMPLES = ms_to_samples(100)


class Quietest:
    """Finds the quietest 100 ms of a stream of sound, in half-overlapping steps.

    >>> quietest = Quietest()
    >>> quietest.feed(np.ones(2000, np.float32)); quietest.feed(np.zeros(2800, np.float32))
    >>> len(quietest.piece), float(quietest.piece.sum())
    (1600, 0.0)
    """

    def __init__(self) -> None:
        self._found: Audio | None = None
        self._least = np.inf
        self._rest: Audio = np.zeros(0, np.float32)

    def feed(self, samples: Audio) -> None:
        """More sound, float32 [n]."""
        sound: Audio = np.concatenate([self._rest, samples])
        start, step = 0, PIECE_SAMPLES // 2
        while start + PIECE_SAMPLES <= len(sound):
            piece = sound[start : start + PIECE_SAMPLES]
            power = float(np.square(piece).sum())
            if self._found is None or power < self._least:
                self._found, self._least = piece.copy(), power
            start += step
        self._rest = sound[start:].copy()

    @property
    def piece(self) -> Audio:
        """The quietest so far; all sound where that is shorter than 100 ms."""
        return self._rest if self._found is None else self._found


def floor_like(piece: Audio, length_samples: int) -> Audio:
    """Noise with the spectrum and the loudness of ``piece`` and random phases.

    Deterministic; float32 [length_samples].
    """
    if length_samples == 0 or not len(piece):
        return np.zeros(length_samples, np.float32)
    random = np.random.default_rng(0)
    noise = random.standard_normal(length_samples + len(piece))
    shaped = np.fft.irfft(
        np.fft.rfft(noise) * np.abs(np.fft.rfft(piece * np.hanning(len(piece)), len(noise))),
        len(noise),
    )[:length_samples]
    level = np.sqrt(np.mean(np.square(piece))) / (np.sqrt(np.mean(np.square(shaped))) + 1e-12)
    floor: Audio = (shaped * level).astype(np.float32)
    return floor
