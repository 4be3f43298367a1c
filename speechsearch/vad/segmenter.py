"""Cuts a stream of sound into utterances: detector, endpointer and the ring for the pre-roll."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from speechsearch.audio.ring import Ring
from speechsearch.types import Audio, Chunk, ms_to_samples
from speechsearch.vad.detector import Detector
from speechsearch.vad.endpointer import (
    Endpointer,
    EndpointerOptions,
    Event,
    Pause,
    SpeechEnd,
    SpeechStart,
)


class Segmenter:
    """Takes blocks of any length; yields endpoint events and, between them, the utterance's sound.

    The sound of an utterance comes gapless from its ``start_sample`` up to the endpoint decision;
    what was heard by the time of an event comes before it.
    """

    def __init__(self, detector: Detector, options: EndpointerOptions | None = None) -> None:
        self._detector = detector
        self._endpointer = Endpointer(options)
        options = self._endpointer.options
        reach_ms = max(options.pre_roll_ms, options.rejoin_ms) + 2 * options.min_speech_ms + 1000
        self._ring = Ring(ms_to_samples(reach_ms))
        self._pending: Audio = np.zeros(0, np.float32)
        self._heard = 0  # end of the last frame the detector has heard
        self._sent = 0  # end of the utterance's sound handed out so far
        self.last_probability = 0.0

    @property
    def name(self) -> str:
        """The detector and its threshold: ``silero:0.5``."""
        return f"{self._detector.name}:{self.options.start_probability:g}"

    @property
    def options(self) -> EndpointerOptions:
        """What it cuts by."""
        return self._endpointer.options

    @property
    def in_utterance(self) -> bool:
        """Whether an utterance is open."""
        return self._endpointer.in_utterance

    @property
    def handed_out(self) -> int:
        """Position up to which the utterance's sound was handed out."""
        return self._sent

    @property
    def position(self) -> int:
        """Position on the time line up to which sound was taken in."""
        return self._heard + len(self._pending)

    @property
    def quiet_samples(self) -> int:
        """Sound since the last utterance, or since the beginning; 0 in an utterance."""
        return 0 if self.in_utterance else self.position - self._sent

    def newest(self, samples: int) -> Audio:
        """Float32 [n], the sound taken in last: from the frame ``samples`` ago on.

        ValueError where that is forgotten; a second never is.
        """
        size = self._detector.frame_samples
        return self._ring.read((self.position - samples) // size * size, self.position).samples

    def feed(self, samples: Audio) -> Iterator[Event | Chunk]:
        """Hear float32 [n], 16 kHz mono; yields what follows from it, in order."""
        size = self._detector.frame_samples
        while len(samples):
            room = size - len(self._pending)
            taken, samples = samples[:room], samples[room:]
            self._ring.append(taken)
            self._pending = np.concatenate([self._pending, taken])
            if len(self._pending) == size:
                frame, self._pending = self._pending, self._pending[:0]
                yield from self._hear(frame)
        yield from self._say(self._endpointer.pass_time(self.position))

    def shorten(self, pause_sample: int, hangover_ms: float) -> Iterator[Event | Chunk]:
        """Let the pause since ``pause_sample`` end the utterance sooner; now where it is over."""
        self._endpointer.shorten(pause_sample, hangover_ms)
        yield from self._say(self._endpointer.pass_time(self.position))

    def flush(self) -> Iterator[Event | Chunk]:
        """End the open utterance with all sound taken in; call when no more will come."""
        if self.in_utterance and len(self._pending):
            self._heard += len(self._pending)
            self._pending = self._pending[:0]
            yield from self._sound_until(self._heard)
        yield from self._endpointer.flush(self._heard)

    def _hear(self, frame: Audio) -> Iterator[Event | Chunk]:
        start, self._heard = self._heard, self._heard + len(frame)
        self.last_probability = self._detector.speech_probability(frame)
        yield from self._say(
            self._endpointer.step(self.last_probability, start, self._heard), self._heard
        )
        if self.in_utterance:
            yield from self._sound_until(self._heard)

    def _say(self, events: list[Event], heard: int = 0) -> Iterator[Event | Chunk]:
        for event in events:
            if isinstance(event, Pause):
                yield from self._sound_until(heard)
            if isinstance(event, SpeechEnd):
                yield from self._sound_until(event.decided_sample)
                self._endpointer.handed_out(self._sent)
            yield event
            if isinstance(event, SpeechStart):
                self._sent = event.start_sample

    def _sound_until(self, end_sample: int) -> Iterator[Chunk]:
        if end_sample > self._sent:
            yield self._ring.read(self._sent, end_sample)
            self._sent = end_sample
