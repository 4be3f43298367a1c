"""What passes through the model at a step: sounds made ready, side by side ([torch] extra).

A batch is a pure function of the recipe, the data and its place, so batches may be made ahead by
threads, and a training that was killed makes the same ones again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from speechsearch.asr.model import FrameTiming
from speechsearch.asr.normalisation import normalise
from speechsearch.audio.player import read_audio
from speechsearch.learning.training.augment import Augmenter, in_silence
from speechsearch.learning.training.batches import Batch, Place
from speechsearch.learning.training.corpus import Utterance
from speechsearch.learning.training.recipe import Recipe
from speechsearch.types import Audio

MOST_KEPT_BYTES = 1_500_000_000
"""Of sounds in memory, 16 bit"""
MADE_AHEAD = 4
"""Batches for each thread"""


@dataclass(frozen=True, slots=True, eq=False)
class Sounds:
    """Sounds of different lengths in one tensor."""

    samples: torch.Tensor
    """Float32 [sounds, samples], normalised, zeros behind each"""
    frames: torch.Tensor
    """Int64 [sounds]: frames that hear it"""

    def to(self, device: str) -> Sounds:
        """The same on a device."""
        return Sounds(self.samples.to(device, non_blocking=True), self.frames.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """A batch that is ready to be learned from."""

    heard: Sounds
    clean: Sounds | None
    """The same before rooms and noise, for a teacher"""
    labels: torch.Tensor
    """Int64, of all sounds in a row"""
    label_lengths: torch.Tensor
    """Int64 [sounds]"""
    letters_weights: torch.Tensor
    """Float32 [sounds]"""
    teacher_weights: torch.Tensor
    """Float32 [sounds]"""
    seconds: float
    after: Place


class Kept:
    """Recordings read once, as far as memory is meant for it; threads may share it."""

    def __init__(self, most_bytes: int = MOST_KEPT_BYTES) -> None:
        self._left = most_bytes
        self._sounds: dict[Path, np.ndarray[tuple[int], np.dtype[np.int16]]] = {}
        self._lock = Lock()

    def read(self, path: Path) -> Audio:
        """Float32 [samples], 16 kHz."""
        kept = self._sounds.get(path)
        if kept is None:
            kept = np.round(np.clip(read_audio(path), -1, 1) * 32767).astype(np.int16)
            with self._lock:
                if path not in self._sounds and kept.nbytes <= self._left:
                    self._left -= kept.nbytes
                    self._sounds[path] = kept
        sound: Audio = kept.astype(np.float32) / np.float32(32767)
        return sound


class Kitchen:
    """Makes examples of batches."""

    def __init__(
        self,
        recipe: Recipe,
        utterances: Sequence[Utterance],
        timing: FrameTiming,
        *,
        normalised: bool,
    ) -> None:
        self._recipe = recipe
        self._utterances = utterances
        self._timing = timing
        self._normalised = normalised
        self._augmenter = Augmenter(recipe.augment)
        self._kept = Kept()

    def make(self, batch: Batch) -> Examples:
        """Read, silence around, speed, room, noise, loudness as in serving."""
        chosen = [self._utterances[number] for number in batch.utterances]
        pairs = [self._hear(one, batch, place) for place, one in enumerate(chosen)]
        parts = [self._recipe.speech[one.part] for one in chosen]
        taught = any(part.teacher for part in parts)
        return Examples(
            heard=self._side_by_side([heard for _, heard in pairs]),
            clean=self._side_by_side([clean for clean, _ in pairs]) if taught else None,
            labels=torch.tensor([label for one in chosen for label in one.labels]),
            label_lengths=torch.tensor([len(one.labels) for one in chosen]),
            letters_weights=torch.tensor([part.letters for part in parts]),
            teacher_weights=torch.tensor([part.teacher for part in parts]),
            seconds=sum(one.seconds for one in chosen),
            after=batch.after,
        )

    def make_all(self, batches: Iterable[Batch], threads: int) -> Iterator[Examples]:
        """All in order; made ahead by so many threads, by none at 0."""
        if not threads:
            yield from map(self.make, batches)
            return
        rest = iter(batches)
        ahead: deque[Future[Examples]] = deque()
        with ThreadPoolExecutor(threads, thread_name_prefix="examples") as pool:
            try:
                for batch in rest:
                    ahead.append(pool.submit(self.make, batch))
                    if len(ahead) > MADE_AHEAD * threads:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _hear(self, one: Utterance, batch: Batch, place: int) -> tuple[Audio, Audio]:
        key = [self._recipe.seed, batch.epoch, batch.after.epoch, batch.after.batch, place]
        random = np.random.default_rng(key)
        spoken = self._augmenter.spoken(self._kept.read(one.path), random)
        clean = in_silence(spoken, self._recipe.lengths.most_silence_ms, random)
        return clean, self._augmenter.heard(clean, random)

    def _side_by_side(self, sounds: Sequence[Audio]) -> Sounds:
        ready = [normalise(sound) if self._normalised else sound for sound in sounds]
        samples = np.zeros((len(ready), max(map(len, ready))), np.float32)
        for row, sound in zip(samples, ready, strict=True):
            row[: len(sound)] = sound
        frames = [self._timing.frames(len(sound)) for sound in ready]
        return Sounds(torch.from_numpy(samples), torch.tensor(frames))
