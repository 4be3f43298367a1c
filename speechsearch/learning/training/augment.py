"""Recordings as they might have been made: faster, in a room, in noise, through a telephone.

torchaudio does what it can ([torch] extra). What a recording becomes depends on its generator
alone. Each change keeps the length but ``speed``, so that a teacher who hears the sound from before
has the same frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torchaudio import functional

from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.errors import RecipeError
from speechsearch.learning.conditions import ROOM_KIND, generated, speech_power
from speechsearch.learning.table import read_table
from speechsearch.learning.training.recipe import Augment
from speechsearch.types import SAMPLE_RATE_HZ, Audio, ms_to_samples

LONGEST_ROOM_S = 0.5
"""What comes later in a room's response is too quiet to matter"""
SILENT = 1e-10
"""Mean square of a noise that is none, 100 dB below full scale: recordings have such pauses"""


class Augmenter:
    """Changes recordings as the options say; reads rooms and noises once."""

    def __init__(self, options: Augment) -> None:
        self._options = options
        self._rooms = [_direct(read_audio(path)) for path in _rows(options.rooms, rooms=True)]
        self._noises = [
            sound for path in _rows(options.noise, rooms=False) if (sound := read_audio(path)).any()
        ]
        if options.rooms and not self._rooms:
            raise RecipeError(f"{options.rooms} has no rooms", hint=f"Rows of kind {ROOM_KIND}")
        if options.noise and not self._noises:
            raise RecipeError(f"{options.noise} has no noise")

    def spoken(self, samples: Audio, random: np.random.Generator) -> Audio:
        """Float32 [samples] as said faster or slower, with the pitch that goes with it."""
        options = self._options
        if not options.speeds or random.random() >= options.speed_share:
            return samples
        speed = float(random.choice(options.speeds))
        changed, _ = functional.speed(torch.from_numpy(samples), SAMPLE_RATE_HZ, speed)
        return np.ascontiguousarray(changed.numpy(), dtype=np.float32)

    def heard(self, samples: Audio, random: np.random.Generator) -> Audio:
        """Float32 [samples] as it reaches a microphone elsewhere; as long as it was."""
        options, sound = self._options, torch.from_numpy(samples)
        if random.random() < options.gain_share:
            sound = turning_away(sound, random.uniform(*options.gain_db), random.random())
        if self._rooms and random.random() < options.room_share:
            sound = in_room(sound, self._rooms[int(random.integers(len(self._rooms)))])
        if random.random() < options.noise_share:
            snr_db = random.uniform(*options.snr_db)
            sound = in_noise(sound, self._noise(len(samples), random), snr_db)
        if random.random() < options.band_share:
            high, low = random.uniform(*options.high_pass_hz), random.uniform(*options.low_pass_hz)
            sound = in_band(sound, high, low)
        if random.random() < options.clip_share:
            sound = clipped(sound, random.uniform(*options.clip_db))
        return np.ascontiguousarray(sound.numpy(), dtype=np.float32)

    def _noise(self, length: int, random: np.random.Generator) -> torch.Tensor:
        if not self._noises:
            return torch.from_numpy(generated("pink", length, random))
        noise = self._noises[int(random.integers(len(self._noises)))]
        start = int(random.integers(len(noise)))
        return torch.from_numpy(np.resize(np.roll(noise, -start), length))


def in_silence(samples: Audio, most_ms: float, random: np.random.Generator) -> Audio:
    """With up to so much of its own noise floor before it, and behind."""
    before, behind = (ms_to_samples(ms) for ms in random.uniform(0, most_ms, 2))
    if not before + behind:
        return samples
    floor = noise_floor(samples, before + behind)
    padded: Audio = np.concatenate([floor[:before], samples, floor[before:]])
    return padded


def in_room(sound: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Convolved with a room's response, as loud and long as before, the direct sound first."""
    wet = functional.fftconvolve(sound, response)[: len(sound)]
    power = sound.square().mean() / wet.square().mean().clamp_min(1e-12)
    return wet * power.sqrt()


def in_noise(sound: torch.Tensor, noise: torch.Tensor, snr_db: float) -> torch.Tensor:
    """The sum, with the noise so far below the speech where that is loud."""
    speech, whole = speech_power(sound.numpy()), float(sound.square().mean())
    if not speech or float(noise.square().mean()) < SILENT:
        return sound
    # torchaudio counts pauses as speech
    counted_db = snr_db - 10 * np.log10(speech / max(whole, 1e-12))
    return functional.add_noise(sound, noise, torch.tensor(counted_db, dtype=sound.dtype))


def in_band(sound: torch.Tensor, high_pass_hz: float, low_pass_hz: float) -> torch.Tensor:
    """What lies between; 12 dB less each octave outside."""
    passed = functional.highpass_biquad(sound, SAMPLE_RATE_HZ, high_pass_hz)
    return functional.lowpass_biquad(passed, SAMPLE_RATE_HZ, low_pass_hz)


def clipped(sound: torch.Tensor, below_peak_db: float) -> torch.Tensor:
    """Cut off so far below its peak."""
    limit = sound.abs().max() * 10 ** (-below_peak_db / 20)
    return sound.clamp(-limit, limit)


def turning_away(sound: torch.Tensor, gain_db: float, middle: float) -> torch.Tensor:
    """Louder or quieter by ``gain_db`` in the end, by half of it at ``middle`` (0..1)."""
    time = torch.linspace(0, 1, len(sound), dtype=sound.dtype)
    turned = torch.sigmoid((time - middle) * 12)
    return sound * 10 ** (gain_db / 20 * turned)


def _direct(response: Audio) -> torch.Tensor:
    first = int(np.abs(response).argmax())
    return torch.from_numpy(response[first : first + round(LONGEST_ROOM_S * SAMPLE_RATE_HZ)])


def _rows(table: str, *, rooms: bool) -> Sequence[Path]:
    rows = read_table(Path(table)) if table else []
    return [row.path for row in rows if (row.columns.get("kind") == ROOM_KIND) == rooms]
