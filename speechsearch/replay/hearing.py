"""A recording the way of the microphone, without socket: VAD, endpointer, turns, pipeline.

    blocks ─► segmenter ─► pause: answer, hangover ─► endpoint: the answer stands, or is heard anew

The cuts are those of a server that answers at once: what it says of a pause is in force from the
pause's own block on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from speechsearch.asr.second_ear import Reheard, SecondEar
from speechsearch.asr.settled import Part
from speechsearch.audio.player import noise_floor
from speechsearch.audio.source import BLOCK_SAMPLES
from speechsearch.clock import Stopwatch
from speechsearch.config import Settings
from speechsearch.monitoring.observation import HeardPart, Passed
from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.turns import Habit, allow
from speechsearch.types import (
    Audio,
    Chunk,
    Result,
    Utterance,
    ms_to_samples,
    samples_to_ms,
)
from speechsearch.vad.build import build_detector
from speechsearch.vad.endpointer import Event, Pause, Resume, SpeechEnd, SpeechStart
from speechsearch.vad.segmenter import Segmenter

PRE_ROLL_SAMPLES = ms_to_samples(300)


def hear(
    samples: Audio, pipeline: Pipeline, settings: Settings, second: SecondEar | None = None
) -> Passed:
    """What becomes of float32 [samples]; its own noise floor goes on until the endpoint.

    A ``second`` ear's words are the answer's wherever they are believed, as if it were always in
    time.
    """
    chosen = settings.detector
    detector = build_detector(chosen.engine, settings.models_dir, chosen.webrtc_aggressiveness)
    segmenter = Segmenter(detector, settings.vad)
    listener = _Listener(pipeline, segmenter)
    floor = noise_floor(samples, ms_to_samples(settings.vad.tail_ms))
    sound = np.concatenate([samples, floor])
    for start in range(0, len(sound), BLOCK_SAMPLES):
        listener.take(segmenter.feed(sound[start : start + BLOCK_SAMPLES]))
    listener.take(segmenter.flush())
    return listener.passed(samples, second)


class _Listener:
    """Follows one session's events and answers its utterances."""

    def __init__(self, pipeline: Pipeline, segmenter: Segmenter) -> None:
        self._pipeline = pipeline
        self._segmenter = segmenter
        self._habit = Habit()
        self._number = 0
        self._pieces: list[Audio] = []
        self._start = self._lead = self._onset = self._speech_samples = 0
        self._paused: tuple[int, Answered] | None = None
        self._paused_at = 0
        self._answers: list[Answered] = []

    def take(self, events: Iterable[Event | Chunk]) -> None:
        """Hear what the segmenter says, and shorten the pause that lasts."""
        for event in events:
            match event:
                case SpeechStart():
                    self._begin(event)
                case Chunk():
                    self._pieces.append(event.samples)
                case Pause():
                    self._pause(event)
                case Resume():
                    self._habit.add(samples_to_ms(event.sample - self._paused_at))
                    self._paused = None
                case SpeechEnd():
                    self._end(event)

    def passed(self, samples: Audio, second: SecondEar | None) -> Passed:
        """The recording and the answers that stay, revised where there is a second ear."""
        replaced = {one.result.continues for one in self._answers}
        stay = [one for one in self._answers if one.result.utterance not in replaced]
        parts = [
            HeardPart(self._last(one, second), one.heard.log_probs, one.heard.samples)
            for one in stay
            if one.heard
        ]
        return Passed(samples, min(self._speech_samples, len(samples)), parts)

    def _last(self, answered: Answered, second: SecondEar | None) -> Result:
        heard = answered.to_rehear
        if second is None or heard is None:
            return answered.result
        start = answered.utterance.start_sample
        end = start + len(heard.samples)
        whole: Part[Sequence[Reheard]] = Part(start, end, second.hear(heard.samples))
        revision = self._pipeline.revise(
            answered, heard.log_probs, [whole], second.name, Stopwatch()
        )
        return revision.result or answered.result

    def _begin(self, event: SpeechStart) -> None:
        self._number += 1
        self._pieces, self._paused = [], None
        self._start, self._onset = event.start_sample, event.onset_sample
        self._lead = max(0, event.onset_sample - PRE_ROLL_SAMPLES - event.start_sample)

    def _pause(self, event: Pause) -> None:
        self._paused_at = event.sample
        answered = self._answer(event.sample)
        self._paused = (event.sample, answered)
        allowance = allow(answered.result, self._habit, self._pipeline.options.turns)
        self.take(self._segmenter.shorten(event.sample, allowance.hangover_ms))

    def _end(self, event: SpeechEnd) -> None:
        if self._paused and self._paused[0] == event.end_sample:
            answered = self._paused[1]
        else:
            answered = self._answer(event.end_sample)
        self._paused = None
        self._speech_samples += event.end_sample - self._onset
        if answered.result.continues is not None:
            self._learn_from(self._answers[-1])
        self._answers.append(self._with_all_sound(answered))

    def _answer(self, end_sample: int) -> Answered:
        return self._pipeline.answer(Spoken(self._utterance(), end_sample, self._before()))

    def _with_all_sound(self, answered: Answered) -> Answered:
        """The silence up to the endpoint belongs to it: it may lead to more."""
        goes_on = answered.result.continues is not None
        before = self._before() if goes_on else None
        spoken = Spoken(self._utterance(), self._start, before)
        sound = spoken.whole if before else spoken.alone
        return replace(answered, utterance=sound)

    def _learn_from(self, cut: Answered) -> None:
        """A pause that cut a sentence is one of the speaker's pauses too."""
        if cut.result.hypotheses and cut.result.hypotheses[0].words:
            onset_ms = samples_to_ms(self._start + self._lead)
            self._habit.add(max(0.0, onset_ms - cut.result.hypotheses[0].words[-1].end_s * 1000))

    def _utterance(self) -> Utterance:
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)
        return Utterance(self._number, samples, self._start, self._lead)

    def _before(self) -> Answered | None:
        """The answer before, where this may go on with its sentence."""
        if not self._answers:
            return None
        earlier, options = self._answers[-1], self._pipeline.options.turns
        said = earlier.utterance
        joined_ms = said.duration_ms + self._utterance().duration_ms
        heard = bool(earlier.result.text) or said.duration_ms <= options.most_unheard_ms
        follows = said.end_sample == self._start
        return earlier if heard and follows and joined_ms <= options.most_joined_ms else None
