"""Recordings as they would sound elsewhere: in a room, in noise at a given level; seeded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from speechsearch.audio.player import read_audio
from speechsearch.errors import AudioFileError, TableError
from speechsearch.learning.table import read_table
from speechsearch.types import Audio, ms_to_samples

GENERATED = ("white", "pink")
TABLE_SUFFIXES = {".tsv", ".txt"}
ROOM_KIND = "rir"
"""Rows of a noise table of this ``kind`` are impulse responses of rooms, the others noise"""
ACTIVE_BELOW_PEAK_DB = 30.0
"""Frames of 20 ms within so much of the loudest are speech when its level is taken"""
LOUDEST = 0.98

_read = lru_cache(maxsize=256)(read_audio)


@dataclass(frozen=True, slots=True)
class ConditionOptions:
    """What is done to the sound; nothing if nothing is given."""

    snr_db: float | None = None
    """Speech over noise, the speech where it is loud"""
    noise: str = ""
    """``white``, ``pink``, a recording, or a table of them (one is drawn); empty: pink"""
    rir: str = ""
    """A room's impulse response, or a table with rows of ``kind`` rir (one is drawn)"""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.noise and self.snr_db is None:
            raise TableError("noise without a level", hint="Say how loud: --snr 10")
        if self.snr_db is not None and not -20 <= self.snr_db <= 60:
            raise TableError(f"an SNR of {self.snr_db} dB", hint="Give one from -20 to 60 dB")

    @property
    def colour(self) -> str | None:
        """Which noise; None without any."""
        return None if self.snr_db is None else self.noise or "pink"


class Change(Protocol):
    """Anything that makes another sound of a recording."""

    def apply(self, samples: Audio, name: str) -> Audio:
        """float32 [samples] of the recording ``name``, changed."""
        ...


class Condition:
    """Applies the options to recordings: the same sound for a recording whatever else is run."""

    def __init__(self, options: ConditionOptions) -> None:
        self._options = options
        noise = options.colour or "pink"
        self._colour = noise if noise in GENERATED else ""
        self._noises = [] if self._colour else _sources(noise, rooms=False)
        self._rooms = _sources(options.rir, rooms=True) if options.rir else []

    @property
    def changes_anything(self) -> bool:
        """Whether recordings do not stay as they are."""
        return self._options.snr_db is not None or bool(self._rooms)

    def apply(self, samples: Audio, name: str) -> Audio:
        """float32 [samples] as ``name`` would sound; longer by the room's echo.

        Raises AudioFileError for noise or rooms that cannot be read.
        """
        random = np.random.default_rng([self._options.seed, zlib.crc32(name.encode())])
        if self._rooms:
            samples = in_room(samples, _read(self._rooms[int(random.integers(len(self._rooms)))]))
        if self._options.snr_db is not None:
            noise = self._noise(len(samples), random)
            samples = in_noise(samples, noise, self._options.snr_db)
        return samples

    def _noise(self, length: int, random: np.random.Generator) -> Audio:
        if self._colour:
            return generated(self._colour, length, random)
        path = self._noises[int(random.integers(len(self._noises)))]
        recorded = _read(path)
        if not recorded.any():
            raise AudioFileError(f"{path} holds only silence", hint="Take it out of the noise")
        start = int(random.integers(len(recorded)))
        return np.resize(np.roll(recorded, -start), length)


def in_room(samples: Audio, response: Audio) -> Audio:
    """Convolved with a room's response whose direct sound comes without delay, at its own level."""
    response = response[int(np.abs(response).argmax()) :]
    length = len(samples) + len(response) - 1
    spectrum = np.fft.rfft(samples, length) * np.fft.rfft(response, length)
    wet = np.fft.irfft(spectrum, length)
    level = speech_power(samples) / max(speech_power(wet.astype(np.float32)), 1e-12)
    return _unclipped(wet * np.sqrt(level))


def in_noise(samples: Audio, noise: Audio, snr_db: float) -> Audio:
    """The sum, with the noise so far below the active speech; scaled down where it would clip."""
    wanted_power = speech_power(samples) / 10 ** (snr_db / 10)
    gain = np.sqrt(wanted_power / max(float(np.mean(np.square(noise))), 1e-12))
    return _unclipped(samples + gain * noise)


def speech_power(samples: Audio) -> float:
    """Mean square over the 20 ms frames that are loud."""
    frame = ms_to_samples(20)
    whole = samples[: len(samples) // frame * frame] if len(samples) >= frame else samples
    powers = np.square(whole.reshape(-1, min(frame, len(whole)))).mean(axis=1)
    return float(powers[powers >= powers.max() / 10 ** (ACTIVE_BELOW_PEAK_DB / 10)].mean())


def generated(colour: str, length: int, random: np.random.Generator) -> Audio:
    """White noise, or pink: 3 dB less each octave."""
    white = random.standard_normal(length)
    if colour == "white":
        return white.astype(np.float32)
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, length).astype(np.float32)


def _sources(named: str, *, rooms: bool) -> list[Path]:
    path = Path(named)
    if path.suffix.lower() not in TABLE_SUFFIXES:
        return [path]
    rows = read_table(path)
    wanted = [row.path for row in rows if (row.columns.get("kind") == ROOM_KIND) == rooms]
    if not wanted:
        what = f"rows of kind {ROOM_KIND}" if rooms else f"rows of another kind than {ROOM_KIND}"
        raise TableError(f"{path} has no {what}", hint="Name a recording, or another table")
    return wanted


def _unclipped(samples: Audio) -> Audio:
    peak = float(np.abs(samples).max())
    return (samples * min(1.0, LOUDEST / max(peak, 1e-12))).astype(np.float32)
