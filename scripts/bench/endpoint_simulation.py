"""A recording cut as client and server would cut it live, on the audio's clock, without either.

The product's endpointer runs over frame probabilities; at each pause a listener says how long it
may last. ``Server`` is the listener that hears words: the conversation's rules on the answers of
the product's pipeline, which take no time here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.turns import Allowance, Habit
from speechsearch.types import Audio, Result, Utterance, ms_to_samples, samples_to_ms
from speechsearch.vad.endpointer import (
    Endpointer,
    EndpointerOptions,
    Event,
    Pause,
    Resume,
    SpeechEnd,
    SpeechStart,
)
from speechsearch.wire.server_session import PRE_ROLL_SAMPLES

Allow = Callable[[Result, Habit, int], Allowance]
"""How long the pause since a sample may last, after what was heard, for a speaker's habit"""


@dataclass(frozen=True, eq=False)
class Track:
    """A recording, its noise floor after it, and the probability of speech in each frame."""

    samples: Audio
    probabilities: tuple[float, ...]
    frame_samples: int


@dataclass(frozen=True, eq=False)
class Turn:
    """An utterance as it was cut, and what became of it."""

    number: int
    start: SpeechStart
    end_sample: int
    decided_sample: int
    tier: str
    """Which rule set the hangover that ended it"""
    result: Result
    before: Answered | None = None
    """The answer with which it could have gone on"""


class Listener(Protocol):
    """Is told what the endpointer heard, in order."""

    def pause(self, start: SpeechStart, sample: int) -> Allowance:
        """How long the pause since ``sample`` may last."""
        ...

    def resume(self, pause_ms: float) -> None:
        """Speech went on."""
        ...

    def end(self, start: SpeechStart, end: SpeechEnd, tier: str) -> Turn:
        """The utterance is over."""
        ...


def simulate(track: Track, options: EndpointerOptions, listener: Listener) -> list[Turn]:
    """The utterances of a recording whose pauses last as long as ``listener`` allows."""
    endpointer, turns = Endpointer(options), list[Turn]()
    start, pause, tier = SpeechStart(0, 0), 0, ""
    for event in _events(endpointer, track.probabilities, track.frame_samples):
        match event:
            case SpeechStart():
                start, tier = event, ""
            case Pause(sample):
                allowance = listener.pause(start, sample)
                pause, tier = sample, allowance.reason
                endpointer.shorten(sample, allowance.hangover_ms)
            case Resume(sample):
                listener.resume(samples_to_ms(sample - pause))
            case SpeechEnd():
                decided_by = tier if event.reason == "silence" else event.reason
                turns.append(listener.end(start, event, decided_by))
    return turns


def _events(endpointer: Endpointer, probabilities: Sequence[float], size: int) -> Iterator[Event]:
    """Frame by frame; a hangover that is over by the time it is known ends the pause at once."""
    for place, probability in enumerate(probabilities):
        waiting = deque(endpointer.step(probability, place * size, (place + 1) * size))
        while waiting:
            yield waiting.popleft()
            waiting.extend(endpointer.pass_time((place + 1) * size))
    yield from endpointer.flush(len(probabilities) * size)


class Server:
    """The server's side of one session: its answers, its judgement of pauses and of repairs."""

    def __init__(self, pipeline: Pipeline, samples: Audio, allow: Allow, habit: Habit) -> None:
        self._pipeline = pipeline
        self._samples = samples
        self._allow = allow
        self._habit = habit
        self._latest: Answered | None = None
        self._ended = 0

    def pause(self, start: SpeechStart, sample: int) -> Allowance:
        """Answer what may have been all, and say how long the pause may last."""
        heard_until = sample + ms_to_samples(self._pipeline.options.post_roll_ms)
        spoken = self._spoken(start, sample, heard_until)
        return self._allow(self._pipeline.answer(spoken).result, self._habit, sample)

    def resume(self, pause_ms: float) -> None:
        """The speaker pauses so long."""
        self._habit.add(pause_ms)

    def end(self, start: SpeechStart, end: SpeechEnd, tier: str) -> Turn:
        """The answer that stands."""
        spoken = self._spoken(start, end.end_sample, end.decided_sample)
        self._ended += 1
        before, self._latest = spoken.before, self._pipeline.answer(spoken)
        if self._latest.result.continues is not None and before is not None:
            self._learn_from(before, start.onset_sample)
        return Turn(
            self._ended, start, end.end_sample, end.decided_sample, tier,
            self._latest.result, before,
        )  # fmt: skip

    def _spoken(self, start: SpeechStart, end_sample: int, heard_until: int) -> Spoken:
        lead = max(0, start.onset_sample - PRE_ROLL_SAMPLES - start.start_sample)
        sound = self._samples[start.start_sample : heard_until]
        said = Utterance(self._ended + 1, sound, start.start_sample, lead)
        return Spoken(said, end_sample, self._before(said))

    def _before(self, said: Utterance) -> Answered | None:
        earlier = self._latest
        options = self._pipeline.options.turns
        if earlier is None:
            return None
        joined_ms = earlier.utterance.duration_ms + said.duration_ms
        adjacent = earlier.utterance.end_sample == said.start_sample
        close = joined_ms <= options.most_joined_ms
        heard = earlier.result.text or earlier.utterance.duration_ms <= options.most_unheard_ms
        return earlier if adjacent and close and heard else None

    def _learn_from(self, cut: Answered, onset_sample: int) -> None:
        words = cut.result.hypotheses[0].words if cut.result.hypotheses else ()
        if words:
            self._habit.add(max(0.0, samples_to_ms(onset_sample) - words[-1].end_s * 1000))
