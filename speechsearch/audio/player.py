"""A recording that plays like a microphone: in real time, N times as fast, or as fast as it goes.

After its last sample its own noise floor goes on, so that an endpoint is found the way it would
be live: nothing tells the listener that the file has ended.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import numpy as np

from speechsearch.audio.floor import Quietest, floor_like
from speechsearch.audio.reader import MAX_FILE_S, SoundLimits, Source, sound_blocks
from speechsearch.audio.source import BLOCK_SAMPLES, Block, SourceNotice
from speechsearch.clock import Clock, monotonic_s
from speechsearch.types import SAMPLE_RATE_HZ, Audio


def read_audio(path: Path, max_s: float = MAX_FILE_S) -> Audio:
    """float32 [samples], 16 kHz mono, -1..1, of any file libsndfile reads.

    Raises AudioFileError where it is missing, no audio, empty, too long or not finite.
    """
    return np.concatenate(list(sound_blocks(Source(path, str(path)), SoundLimits(max_s=max_s))))


def noise_floor(samples: Audio, length_samples: int) -> Audio:
    """Sound like the quietest 100 ms of a recording: its spectrum with random phases.

    Deterministic for a recording; float32 [length_samples].
    """
    quietest = Quietest()
    quietest.feed(samples)
    return floor_like(quietest.piece, length_samples)


class Player:
    """Plays float32 [samples], then the noise floor for ``tail_s`` or until ``stop``."""

    overruns = 0

    def __init__(
        self,
        samples: Audio,
        *,
        name: str = "recording",
        speed: float = 1.0,
        tail_s: float = 3.0,
        clock: Clock = monotonic_s,
    ) -> None:
        self.name = name
        self._samples = samples
        self._speed = speed
        self._tail = noise_floor(samples, round(tail_s * SAMPLE_RATE_HZ))
        self._clock = clock
        self._stopped = False
        self.started_s = 0.0
        """Clock instant of the first sample: sample n is heard n / 16000 s later at speed 1"""

    def name_at(self, sample: int) -> str:
        """The recording's name."""
        del sample
        return self.name

    def stop(self) -> None:
        """End after the present block."""
        self._stopped = True

    async def blocks(self) -> AsyncGenerator[Block | SourceNotice, None]:
        """A block at a time, each when its last sample would have been heard."""
        sound = np.concatenate([self._samples, self._tail])
        self.started_s = self._clock()
        for start in range(0, len(sound), BLOCK_SAMPLES):
            block = sound[start : start + BLOCK_SAMPLES]
            due_s = self._clock()
            if self._speed:
                elapsed_s = (start + len(block)) / SAMPLE_RATE_HZ / self._speed
                due_s = self.started_s + elapsed_s
            await asyncio.sleep(max(0.0, due_s - self._clock()))
            if self._stopped:
                return
            yield Block(block, due_s)


class Playlist:
    """Recordings one after the other, each with its noise floor, as one gapless source."""

    overruns = 0

    def __init__(self, recordings: Sequence[tuple[str, Audio]], *, tail_s: float = 3.0) -> None:
        self._recordings = recordings
        self._tail_s = tail_s
        self._starts: list[int] = []

    @property
    def name(self) -> str:
        """The recording that plays now."""
        return self._recordings[max(0, len(self._starts) - 1)][0]

    def name_at(self, sample: int) -> str:
        """The recording that played at a position."""
        return self._recordings[max(0, bisect_right(self._starts, sample) - 1)][0]

    async def blocks(self) -> AsyncGenerator[Block | SourceNotice, None]:
        """Every recording's blocks, in real time."""
        position = 0
        for name, samples in self._recordings:
            self._starts.append(position)
            async for block in Player(samples, name=name, tail_s=self._tail_s).blocks():
                if isinstance(block, Block):
                    position += len(block.samples)
                yield block
