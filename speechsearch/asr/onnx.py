"""The base install's engine: ONNX Runtime on the CPU, any length of audio, bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechsearch.asr.chunks import Piece, pieces
from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.graph import Batch, Graph
from speechsearch.asr.model import Listening, ModelInfo, check_audio
from speechsearch.asr.normalisation import normalise
from speechsearch.asr.streaming import Rehearing, Streaming
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs


def log_softmax(logits: LogProbs) -> LogProbs:
    """Float32 [frames, letters]; log-probabilities pass unchanged."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: LogProbs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


@dataclass(frozen=True, slots=True)
class OnnxAcousticModel:
    """An ``AcousticModel``; several threads may call it at once."""

    info: ModelInfo
    graphs: tuple[Graph, ...]
    """[1, samples] -> [1, frames, letters] whole, or in two: front and encoder."""

    @classmethod
    def load(cls, folder: ModelFolder, threads: int = 1) -> OnnxAcousticModel:
        """Check the graphs' hashes and start them; ``ModelError`` when damaged or unfit."""
        folder.verify(folder.manifest.graphs)
        return cls.of_graphs(folder.graph_paths, folder.info, threads)

    @classmethod
    def of_graphs(
        cls, paths: Sequence[Path], info: ModelInfo, threads: int = 1
    ) -> OnnxAcousticModel:
        """Start the graph or graphs of a model not yet in a folder."""
        return cls(info, tuple(Graph.load(path, threads) for path in paths))

    def warm_up(self) -> None:
        """Run one second of silence, so that the first utterance pays for no set-up."""
        self.log_probs(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32))

    def log_probs(self, samples: Audio) -> LogProbs:
        """Float32 [frames, letters]; over ``max_samples`` in overlapping pieces, never cut."""
        [log_probs] = self.log_probs_of([samples])
        return log_probs

    def log_probs_of(self, sounds: Sequence[Audio]) -> list[LogProbs]:
        """As ``log_probs`` for each, exactly; equally long ones pass the front together.

        They pass the encoder one by one: an int8 product takes its scale from all that it is given,
        so that a neighbour would move the rounding, and on one thread a batch saves it nothing.
        """
        heard = [self._prepared(samples) for samples in sounds]
        if not self._halved:
            return [self._whole(sound) for sound in heard]
        return [self.encode(features) for features in self._features_of(heard)]

    def listen(self) -> Listening:
        """Features are kept where the graph is in two and they depend on their own sound alone."""
        return Streaming(self) if self._halved and self.info.local_features else Rehearing(self)

    def features(self, heard: Audio) -> Batch:
        """Float32 [frames, channels] of prepared audio, in two halves only."""
        [features] = self._features_of([heard])
        return features

    def encode(self, features: Batch) -> LogProbs:
        """Float32 [frames, letters] of [frames, channels], in two halves only."""
        return self._in_pieces(
            len(features), lambda piece: self.graphs[1].run(features[None, piece.heard])
        )

    @property
    def _halved(self) -> bool:
        return len(self.graphs) == 2

    def _prepared(self, samples: Audio) -> Audio:
        check_audio(samples)
        return normalise(samples) if self.info.normalise and samples.size else samples

    def _whole(self, heard: Audio) -> LogProbs:
        timing = self.info.timing
        return self._in_pieces(
            timing.frames(len(heard)),
            lambda piece: self.graphs[0].run(heard[None, timing.span(piece.heard)]),
        )

    def _in_pieces(self, frames: int, logits: Callable[[Piece], Batch]) -> LogProbs:
        longest = self.info.timing.frames(self.info.max_samples)
        plan = pieces(frames, longest) if frames else []
        heard = [log_softmax(logits(piece)[0, piece.keep]) for piece in plan]
        nothing = np.zeros((0, len(self.info.vocabulary.letters)), dtype=np.float32)
        return np.concatenate([nothing, *heard])

    def _features_of(self, heard: Sequence[Audio]) -> list[Batch]:
        alike: dict[int, list[int]] = defaultdict(list)
        for i, sound in enumerate(heard):
            alike[len(sound)].append(i)
        made: dict[int, Batch] = {}
        for indices in alike.values():
            made |= zip(indices, self._front(np.stack([heard[i] for i in indices])), strict=True)
        return [made[i] for i in range(len(heard))]

    def _front(self, sounds: Batch) -> Batch:
        """[sounds, samples] -> [sounds, frames, channels]; no more at once than one piece."""
        timing = self.info.timing
        frames, longest = timing.frames(sounds.shape[1]), timing.frames(self.info.max_samples)
        spans = [slice(i, min(i + longest, frames)) for i in range(0, frames, longest)]
        made = [self.graphs[0].run(sounds[:, timing.span(span)]) for span in spans]
        return np.concatenate(made, axis=1) if made else np.zeros((len(sounds), 0, 0), np.float32)
