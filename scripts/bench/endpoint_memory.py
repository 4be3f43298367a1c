"""The product's detector, model and pipeline, each asked only once for the same sound.

What they said is kept in a folder under a digest of the sound and of all that could change the
answer: the model, the index, the code of hearing and searching.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import speechsearch
from speechsearch.asr.model import AcousticModel, Listening, ModelInfo
from speechsearch.clock import Stopwatch
from speechsearch.pipeline import Finder, Pipeline, PipelineOptions, Spoken
from speechsearch.turns import TurnOptions
from speechsearch.types import Audio, LogProbs, Result, Utterance
from speechsearch.vad.detector import Detector


def digest(*parts: bytes) -> bytes:
    """16 bytes that stand for all parts."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.digest()


@cache
def code_digest(*folders: str) -> bytes:
    """Of the code of some stages."""
    root = Path(speechsearch.__file__).parent
    files = sorted(path for folder in folders for path in (root / folder).glob("*.py"))
    return digest(*(path.read_bytes() for path in files))


class Memory:
    """Answers by kind and key; in files of a folder, or for this run alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._kinds: dict[str, dict[bytes, Any]] = {}
        self._grown: set[str] = set()

    def recall(self, kind: str, key: bytes, make: Callable[[], Any]) -> Any:
        """What was made for the key, made now where it never was."""
        known = self._of(kind)
        if key not in known:
            known[key] = make()
            self._grown.add(kind)
        return known[key]

    def save(self) -> None:
        """Write what is new."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for kind in self._grown:
            path = self._folder / f"{kind}.pickle"
            aside = path.with_suffix(".new")
            aside.write_bytes(pickle.dumps(self._kinds[kind], pickle.HIGHEST_PROTOCOL))
            aside.replace(path)
        self._grown.clear()

    def _of(self, kind: str) -> dict[bytes, Any]:
        if kind not in self._kinds:
            path = self._folder / f"{kind}.pickle" if self._folder else None
            kept = path.read_bytes() if path and path.exists() else None
            self._kinds[kind] = pickle.loads(kept) if kept else {}  # noqa: S301 (own files)
        return self._kinds[kind]


def probabilities(sound: Audio, detector: Detector, memory: Memory) -> tuple[float, ...]:
    """Of speech in each whole frame, as a fresh detector hears them."""

    def hear() -> tuple[float, ...]:
        detector.reset()
        size = detector.frame_samples
        starts = range(0, len(sound) - size + 1, size)
        return tuple(detector.speech_probability(sound[start : start + size]) for start in starts)

    key = digest(type(detector).__name__.encode(), code_digest("vad"), sound.tobytes())
    found: tuple[float, ...] = memory.recall("detector", key, hear)
    return found


class RememberingModel:
    """A model that hears the same sound only once."""

    def __init__(self, model: AcousticModel, memory: Memory) -> None:
        self._model = model
        self._memory = memory
        self._salt = digest(model.info.sha256.encode(), code_digest("asr"))

    @property
    def info(self) -> ModelInfo:
        """The model's."""
        return self._model.info

    def log_probs(self, samples: Audio) -> LogProbs:
        """The model's."""
        key = digest(self._salt, samples.tobytes())
        found: LogProbs = self._memory.recall(
            "log_probs", key, lambda: self._model.log_probs(samples)
        )
        return found

    def log_probs_of(self, sounds: Sequence[Audio]) -> list[LogProbs]:
        """One by one."""
        return [self.log_probs(sound) for sound in sounds]

    def listen(self) -> Listening:
        """The model's."""
        return self._model.listen()

    def warm_up(self) -> None:
        """The model's."""
        self._model.warm_up()


class RememberingPipeline(Pipeline):
    """The product's pipeline, that reads the same log-probs only once; ``index`` names its own."""

    def __init__(
        self, model: RememberingModel, finder: Finder, options: PipelineOptions,
        index: bytes, memory: Memory,
    ) -> None:  # fmt: skip
        super().__init__(model, finder, options=options)
        self._parts = model, finder, index, memory
        self._memory = memory
        settings = replace(options, turns=PipelineOptions().turns)
        self._salt = digest(index, code_digest("asr", "search"), repr(settings).encode())

    def read(self, sound: Utterance, log_probs: LogProbs, watch: Stopwatch) -> Result:
        """As the pipeline does."""
        place = np.int64(sound.start_sample).tobytes()
        key = digest(self._salt, place, log_probs.tobytes())
        found: Result = self._memory.recall(
            "read", key, lambda: super(RememberingPipeline, self).read(sound, log_probs, watch)
        )
        return replace(found, utterance=sound.number)

    def judging(self, turns: TurnOptions) -> RememberingPipeline:
        """One that hears the same and judges otherwise."""
        model, finder, index, memory = self._parts
        options = replace(self.options, turns=turns)
        return RememberingPipeline(model, finder, options, index, memory)

    def alone(self, spoken: Spoken) -> tuple[Result, Result, float]:
        """What ``conclude`` hears of two utterances, each by itself, and their ``apart_nats``."""
        before, beam = spoken.before, self.finder().beam
        if before is None or beam is None:
            raise ValueError("there is nothing to compare, or nothing to compare it by")
        log_probs = self.model.log_probs(self.sound_of(spoken))
        ahead_samples = spoken.alone.start_sample - spoken.whole.start_sample
        skipped = ahead_samples // self.model.info.timing.stride_samples
        first, second = before.result, self.read(spoken.alone, log_probs[skipped:], Stopwatch())
        nats = beam.apart_nats(first.text.split(), second.text.split())
        return first, second, nats or 0.0
