"""A model in one part or two, whatever runs them: any length of audio, bounded memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speechsearch.asr.chunks import Piece, pieces
from speechsearch.asr.graph import Batch
from speechsearch.asr.model import Listening, ModelInfo, check_audio
from speechsearch.asr.streaming import Rehearing, Streaming
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs


def log_softmax(logits: LogProbs) -> LogProbs:
    """Float32 [..., letters]; log-probabilities pass unchanged."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: LogProbs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


class Part(Protocol):
    """A batch in, a batch out."""

    def run(self, batch: Batch) -> Batch:
        """[sounds, ...] -> [sounds, ...]."""
        ...


@dataclass(frozen=True, slots=True)
class PartedModel:
    """An ``AcousticModel``; several threads may call it at once where they may call its parts."""

    info: ModelInfo
    parts: tuple[Part, ...]
    """[sounds, samples] -> [sounds, frames, letters] whole, or in two: front and encoder."""
    together: bool = False
    """Whether the part that makes the letters hears equally long sounds at once. Not in int8: a
    product takes its scale from all that it is given, so that a neighbour would move the rounding,
    and on one thread a batch saves it nothing."""

    def warm_up(self) -> None:
        """Run one second of silence, so that the first utterance pays for no set-up."""
        self.log_probs(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32))

    def log_probs(self, samples: Audio) -> LogProbs:
        """Float32 [frames, letters]; over ``max_samples`` in overlapping pieces, never cut."""
        [log_probs] = self.log_probs_of([samples])
        return log_probs

    def log_probs_of(self, sounds: Sequence[Audio]) -> list[LogProbs]:
        """As ``log_probs`` for each; equally long ones share what they can."""
        alike: dict[int, list[int]] = defaultdict(list)
        heard = [self._prepared(samples) for samples in sounds]
        for i, sound in enumerate(heard):
            alike[len(sound)].append(i)
        made: dict[int, LogProbs] = {}
        for indices in alike.values():
            made |= zip(indices, self._of_equal(np.stack([heard[i] for i in indices])), strict=True)
        return [made[i] for i in range(len(heard))]

    def listen(self) -> Listening:
        """Features are kept where the model is in two and they depend on their own sound alone."""
        return Streaming(self) if self._halved and self.info.local_features else Rehearing(self)

    def features(self, heard: Audio) -> Batch:
        """Float32 [frames, channels] of prepared audio, in two halves only."""
        features: Batch = self._front(heard[None])[0]
        return features

    def encode(self, features: Batch) -> LogProbs:
        """Float32 [frames, letters] of [frames, channels], in two halves only."""
        log_probs: LogProbs = self._encode(features[None])[0]
        return log_probs

    @property
    def _halved(self) -> bool:
        return len(self.parts) == 2

    def _prepared(self, samples: Audio) -> Audio:
        check_audio(samples)
        return self.info.normalisation(samples).apply(samples)

    def _of_equal(self, sounds: Batch) -> Batch:
        """[sounds, samples] -> [sounds, frames, letters]."""
        if self._halved:
            return self._encode(self._front(sounds))
        timing, samples = self.info.timing, sounds.shape[1]
        frames = timing.frames(samples)

        def logits(piece: Piece) -> Batch:
            span = timing.span(piece.heard)
            # a group norm also hears the samples behind the last whole frame
            end = samples if piece.end_frame == frames else span.stop
            return self._letters(sounds[:, span.start : end])

        return self._in_pieces((len(sounds), frames), logits)

    def _encode(self, features: Batch) -> Batch:
        """[sounds, frames, channels] -> [sounds, frames, letters]."""
        return self._in_pieces(
            (len(features), features.shape[1]),
            lambda piece: self._letters(features[:, piece.heard]),
        )

    def _letters(self, batch: Batch) -> Batch:
        """The last part, on all of the batch or one by one."""
        if self.together:
            return self.parts[-1].run(batch)
        return np.concatenate([self.parts[-1].run(one[None]) for one in batch])

    def _in_pieces(self, size: tuple[int, int], logits: Callable[[Piece], Batch]) -> Batch:
        """For ``size`` = sounds, frames: no more frames at once than the longest piece has."""
        sounds, frames = size
        longest = self.info.timing.frames(self.info.max_samples)
        plan = pieces(frames, longest) if frames else []
        heard = [log_softmax(logits(piece)[:, piece.keep]) for piece in plan]
        if heard:
            return np.concatenate(heard, axis=1)
        return np.zeros((sounds, 0, len(self.info.vocabulary.letters)), dtype=np.float32)

    def _front(self, sounds: Batch) -> Batch:
        """[sounds, samples] -> [sounds, frames, channels]; no more at once than one piece."""
        timing = self.info.timing
        frames, longest = timing.frames(sounds.shape[1]), timing.frames(self.info.max_samples)
        spans = [slice(i, min(i + longest, frames)) for i in range(0, frames, longest)]
        made = [self.parts[0].run(sounds[:, timing.span(span)]) for span in spans]
        return np.concatenate(made, axis=1) if made else np.zeros((len(sounds), 0, 0), np.float32)
