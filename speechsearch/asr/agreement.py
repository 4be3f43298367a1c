"""How near two forms of one model are, measured when a model is taken in: what its folder states.

Three questions: does a graph make the frames and letters that the configuration promises; do
features made piece by piece equal those of the whole; how far does a smaller graph stray.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from speechsearch.asr.folder import Agreement
from speechsearch.asr.graph import Batch
from speechsearch.asr.model import FrameTiming, ModelInfo
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import PartedModel
from speechsearch.errors import ModelError
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs

UNLIMITED_FRAMES = 1500
"""Longest piece for a model whose positions have no end: attention grows with its square."""
MOST_FEATURE_SHARE = 1e-3
"""Highest difference of a streamed feature, as a share of the features' deviation: the last bit of
a convolution changes with the length, and layer norms over few large channels widen that."""
MOST_INT8_NATS = 0.02
"""Highest mean Kullback-Leibler divergence of a frame between a graph and its int8; the embedded
model, whose word error rate int8 moves by 0.003, has 0.0009."""
_STREAM_FRAMES = 12


class Precision(StrEnum):
    """What the matrix products are computed in."""

    INT8 = "int8"
    FLOAT32 = "float32"


@dataclass(frozen=True, slots=True)
class Graphs:
    """What was made or taken, by file names in the model's folder."""

    names: tuple[str, ...]
    """The whole graph, or front and encoder"""
    precision: str
    parameters: int
    agreement: tuple[Agreement, ...]


def agreed(what: str, difference: float, tolerance: float, unit: str) -> Agreement:
    """The comparison; ``ModelError`` where the difference is over the tolerance."""
    if not difference <= tolerance:
        raise ModelError(
            f"{what} differ by {difference:.2g} {unit}, more than {tolerance:g}",
            hint="The model is not taken in; please report which it is",
        )
    return Agreement(what, float(f"{difference:.2g}"), tolerance, unit)


def trial_lengths(info: ModelInfo) -> tuple[int, ...]:
    """Samples: the shortest, both sides of a frame's edge, some seconds, the longest."""
    edge = info.timing.samples(2)
    longest = info.max_samples
    return info.timing.receptive_field_samples, edge - 1, edge, longest // 6 + 1, longest


def noise(samples: int, seed: int = 0) -> Audio:
    """Float32 [samples], the level of speech."""
    made = np.random.default_rng(seed).standard_normal(samples, dtype=np.float32)
    return (0.1 * made).astype(np.float32)


def check_shapes(model: PartedModel) -> None:
    """``ModelError`` unless there are the frames and letters that the configuration promises."""
    timing, letters = model.info.timing, len(model.info.vocabulary.letters)
    for samples in trial_lengths(model.info)[:4]:
        try:
            heard = model.log_probs(noise(samples))
        except Exception as error:  # ONNX Runtime's errors share no other base
            raise ModelError(f"The graph does not take {samples} samples: {error}") from error
        if heard.shape != (timing.frames(samples), letters):
            raise ModelError(
                f"The graph makes {heard.shape[0]} frames of {heard.shape[1]} letters of {samples} "
                f"samples, its configuration says {timing.frames(samples)} of {letters}",
                hint="config.json, vocab.json and the graph must come from one model",
            )
        if not np.isfinite(heard).all():
            raise ModelError(f"The graph makes no numbers of {samples} samples of noise")


def most_apart(one: PartedModel, other: PartedModel) -> float:
    """Highest difference of a log-probability at lengths of every kind."""
    sounds = [noise(samples, seed) for seed, samples in enumerate(trial_lengths(one.info))]
    pairs = ((one.log_probs(sound), other.log_probs(sound)) for sound in sounds)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def batched_apart(model: PartedModel) -> float:
    """Highest difference of a log-probability between two equally long sounds together and each
    alone.
    """
    sounds = [noise(2 * SAMPLE_RATE_HZ, seed) for seed in range(2)]
    together = model.log_probs_of(sounds)
    alone = map(model.log_probs, sounds)
    return max(float(np.abs(a - b).max()) for a, b in zip(together, alone, strict=True))


def streamed_apart(model: PartedModel) -> float:
    """Highest difference between features made piece by piece and those of the whole, as a share
    of their deviation; for a model in two halves.
    """
    audio = noise(2 * SAMPLE_RATE_HZ)
    whole = model.features(audio)
    pieces = [model.features(audio[span]) for span in _spans(len(whole), model.info.timing)]
    streamed: Batch = np.concatenate(pieces)
    return float(np.abs(streamed - whole).max() / whole.std())


def _spans(frames: int, timing: FrameTiming) -> Iterable[slice]:
    for first in range(0, frames, _STREAM_FRAMES):
        yield timing.span(slice(first, min(first + _STREAM_FRAMES, frames)))


def divergence_nats(reference: Iterable[LogProbs], other: Iterable[LogProbs]) -> float:
    """Mean over recordings of the mean Kullback-Leibler divergence of a frame."""
    pairs = zip(reference, other, strict=True)
    return float(np.mean([(np.exp(p) * (p - q)).sum(axis=1).mean() for p, q in pairs]))


def int8_apart(
    float32: Sequence[Path], int8: Sequence[Path], info: ModelInfo, sounds: Sequence[Audio]
) -> float:
    """Nats a frame between a model's graphs and its smaller ones, on the sounds given."""
    models = [OnnxAcousticModel.of_graphs(paths, info) for paths in (float32, int8)]
    check_shapes(models[1])
    whole, small = ([model.log_probs(sound) for sound in sounds] for model in models)
    return divergence_nats(whole, small)
