"""The base install's engine: ONNX Runtime on the CPU, any length of audio, bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from speechsearch.asr.chunks import Piece, pieces
from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.model import ModelInfo
from speechsearch.errors import AudioError, ModelError
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs

_VARIANCE_FLOOR = 1e-7
"""As in transformers' Wav2Vec2FeatureExtractor."""


def normalise(samples: Audio) -> Audio:
    """Zero mean and unit variance over the whole utterance."""
    scale = np.sqrt(samples.var(dtype=np.float64) + _VARIANCE_FLOOR)
    normalised: Audio = ((samples - samples.mean(dtype=np.float64)) / scale).astype(np.float32)
    return normalised


def log_softmax(logits: LogProbs) -> LogProbs:
    """Float32 [frames, letters]; log-probabilities pass unchanged."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: LogProbs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def check_audio(samples: Audio) -> None:
    """``AudioError`` unless float32 [samples] and finite."""
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise AudioError(
            f"Audio is {samples.dtype} of {samples.ndim} dimensions",
            hint="Give float32 of one dimension, 16 kHz mono, -1..1",
        )
    if not np.isfinite(samples).all():
        raise AudioError("Audio holds NaN or infinity", hint="Check the source of the samples")


@dataclass(frozen=True, slots=True)
class OnnxAcousticModel:
    """An ``AcousticModel``; several threads may call it at once."""

    info: ModelInfo
    session: ort.InferenceSession
    input_name: str

    @classmethod
    def load(cls, folder: ModelFolder, threads: int = 1) -> OnnxAcousticModel:
        """Check the graph's hash and start it; ``ModelError`` when it is damaged or unfit."""
        folder.verify([folder.manifest.onnx])
        return cls.of_graph(folder.onnx_path, folder.info, threads)

    @classmethod
    def of_graph(cls, path: Path, info: ModelInfo, threads: int = 1) -> OnnxAcousticModel:
        """Start a graph [1, samples] -> [1, frames, letters] of a model not yet in a folder."""
        try:
            session = ort.InferenceSession(
                path, _options(threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors share no other base
            raise ModelError(
                f"ONNX Runtime does not take {path}: {error}",
                hint="Use onnxruntime>=1.20, or make the folder again with scripts/make_model",
            ) from error
        return cls(info, session, session.get_inputs()[0].name)

    def warm_up(self) -> None:
        """Run one second of silence, so that the first utterance pays for no set-up."""
        self.log_probs(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32))

    def log_probs(self, samples: Audio) -> LogProbs:
        """Float32 [frames, letters]; over ``max_samples`` in overlapping pieces, never cut."""
        check_audio(samples)
        timing = self.info.timing
        frames = timing.frames(len(samples))
        if frames == 0:
            return np.zeros((0, len(self.info.vocabulary.letters)), dtype=np.float32)
        heard = normalise(samples) if self.info.normalise else samples
        plan = pieces(frames, timing.frames(self.info.max_samples))
        return np.concatenate([self._piece(heard, piece) for piece in plan])

    def log_probs_of(self, sounds: Sequence[Audio]) -> list[LogProbs]:
        """One by one: on a CPU a batch takes as long as its parts."""
        return [self.log_probs(samples) for samples in sounds]

    def _piece(self, heard: Audio, piece: Piece) -> LogProbs:
        timing = self.info.timing
        start = piece.first_frame * timing.stride_samples
        span = timing.samples(piece.end_frame - piece.first_frame)
        batch = heard[None, start : start + span]
        logits: Any = self.session.run(None, {self.input_name: batch})[0]
        return log_softmax(logits[0, piece.keep].astype(np.float32, copy=False))


def _options(threads: int) -> ort.SessionOptions:
    """No arena and no memory pattern: with every length different they only grow.

    No spinning: idle workers would take the cores that capture and search need.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
