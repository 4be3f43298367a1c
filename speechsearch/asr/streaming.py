"""Hearing an utterance while it grows: only the new sound passes the convolutions.

A feature depends on its receptive field alone, so features are kept from call to call; the encoder,
where every frame looks at every other, runs again over the last few seconds. Two approximations
remain, both measured (``StreamingOptions``): frames that left those seconds keep the log-probs they
had, and the input is normalised by statistics that lag behind. The model wants zero mean and unit
variance over the utterance, which change with each sample. So the statistics are measured anew at
each call over all that was heard, but features are made by those that the kept ones were made by,
until the new have drifted beyond a tolerance: then the kept features are made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speechsearch.asr.graph import Batch
from speechsearch.asr.model import AcousticModel, FrameTiming, ModelInfo, check_audio
from speechsearch.asr.normalisation import Normalisation
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs


@dataclass(frozen=True, slots=True)
class StreamingOptions:
    """What is heard again; measured on recordings of ``train.tsv`` in steps of 250 ms."""

    window_s: float = 10.0
    """Up to here all is heard again, as the whole would be; beyond, the latest so many seconds.
    The encoder looks far back: with 4 s it differs from the whole by 0.16 nats a frame, with 6 s by
    0.14. A query is shorter than this"""
    left_s: float = 4.0
    """Of the window, what only gives context, its log-probs being settled; 2 s do worse"""
    drift: float = 0.2
    """Of the level in nepers (1.7 dB), or of the mean in units of it. The features are then made
    again at one call in six, and a frame differs from the whole's by 0.001 nats, twice what a level
    changed by 0.1 % does to the int8 rounding; the word error rate stays. 0.02: at two calls in
    three, 0.0004 nats. 0.4: at one in nine, 0.002 nats"""

    def frames(self, timing: FrameTiming) -> tuple[int, int]:
        """Window and left context in frames."""
        rate_hz = SAMPLE_RATE_HZ / timing.stride_samples
        return round(self.window_s * rate_hz), round(self.left_s * rate_hz)


class Halves(Protocol):
    """A model in two parts, of which the first hears each frame alone."""

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        ...

    def features(self, heard: Audio) -> Batch:
        """Float32 [frames, channels] of normalised audio."""
        ...

    def encode(self, features: Batch) -> LogProbs:
        """Float32 [frames, letters] of float32 [frames, channels]."""
        ...


class Rehearing:
    """A ``Listening`` that hears all again at each call: for models whose features do not keep."""

    def __init__(self, model: AcousticModel) -> None:
        self._model = model

    def log_probs(self, samples: Audio) -> LogProbs:
        """As the model itself."""
        return self._model.log_probs(samples)


@dataclass(slots=True, eq=False)
class _Kept:
    """What the calls so far leave to the next; frames are counted from the utterance's begin."""

    audio: Audio
    """All of it as last heard"""
    normalisation: Normalisation
    first_frame: int
    """Where the window begins"""
    features: Batch
    """[frames of the window, channels]"""
    settled: LogProbs
    """[frames, letters] from the utterance's begin, never heard again"""


class Streaming:
    """A ``Listening`` that keeps features: one utterance, one thread at a time."""

    def __init__(self, halves: Halves, options: StreamingOptions | None = None) -> None:
        self._halves = halves
        self._timing = halves.info.timing
        self._window, self._left = (options or StreamingOptions()).frames(self._timing)
        self._tolerance = (options or StreamingOptions()).drift
        letters = len(halves.info.vocabulary.letters)
        self._silent = np.zeros((0, letters), dtype=np.float32)
        self._kept: _Kept | None = None

    def log_probs(self, samples: Audio) -> LogProbs:
        """Float32 [frames, letters] of the whole utterance so far.

        The audio is that of the call before with more behind it, or with less: an end found late
        takes silence back. Any other audio is heard anew. Raises ``AudioError`` as the model does.
        """
        check_audio(samples)
        frames = self._timing.frames(len(samples))
        if frames == 0:
            return self._silent
        kept = self._kept = self._heard(samples, frames)
        heard = self._halves.encode(kept.features)
        log_probs = np.concatenate([kept.settled, heard[len(kept.settled) - kept.first_frame :]])
        self._settle(kept, log_probs)
        return log_probs

    def _heard(self, samples: Audio, frames: int) -> _Kept:
        """What was kept, with features for every frame of the window and no others."""
        info, kept = self._halves.info, self._kept
        now = info.normalisation(samples)
        if kept is None or not _goes_on(kept, samples, frames):
            kept = _Kept(samples, now, 0, self._features(samples, 0, now), self._silent)
        elif kept.normalisation.drift(now) > self._tolerance:
            kept.normalisation = now
            kept.features = self._features(samples, kept.first_frame, now)
        else:
            known = kept.features[: frames - kept.first_frame]
            end = kept.first_frame + len(known)
            new = [self._features(samples, end, kept.normalisation)] if end < frames else []
            kept.features = np.concatenate([known, *new])
        kept.audio = samples.copy()
        return kept

    def _features(self, samples: Audio, frame: int, normalisation: Normalisation) -> Batch:
        """Those of ``frame`` and all after it."""
        rest = samples[frame * self._timing.stride_samples :]
        return self._halves.features(normalisation.apply(rest))

    def _settle(self, kept: _Kept, log_probs: LogProbs) -> None:
        """Move the window on; its left context is heard again but no longer told anew."""
        first = len(log_probs) - self._window
        if first > kept.first_frame:
            kept.settled = log_probs[: first + self._left]
            kept.features = kept.features[first - kept.first_frame :]
            kept.first_frame = first


def _goes_on(kept: _Kept, samples: Audio, frames: int) -> bool:
    """Whether the samples are those heard before, longer or shorter, and not all settled."""
    shared = min(len(samples), len(kept.audio))
    return frames > len(kept.settled) and np.array_equal(samples[:shared], kept.audio[:shared])
