"""From frame probabilities to utterances: a pure state machine on sample positions.

    silence ──min_speech──► speech ──pause──► paused ──hangover──► silence
                              ▲                 │
                              └─────resume──────┘

The hangover is the upper bound; who has heard the words may ``shorten`` that of the pause that
lasts. Time is the position of the frames, so a recording heard faster than real time is cut
exactly as it would be live, and an endpoint falls on the sample where its hangover ends, wherever
frames and blocks end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Literal

from speechsearch.errors import ConfigError
from speechsearch.types import ms_to_samples

EndReason = Literal["silence", "max_length", "flush"]


@dataclass(frozen=True, slots=True)
class EndpointerOptions:
    """When speech starts, pauses and ends."""

    start_probability: float = 0.5
    """A frame at or above it may begin speech: the detector's own operating point."""
    stop_probability: float = 0.35
    """Speech goes on above it: hysteresis, so that soft syllables do not flicker."""
    min_speech_ms: float = 96
    """Shorter bursts are clicks and coughs; the shortest spoken word measured lasts longer."""
    pause_ms: float = 96
    """Silence after which ``Pause`` is said: the earliest moment worth a speculative decode."""
    hangover_ms: float = 500
    """Silence that always ends the utterance; a third of read sentences pause 300 ms inside. The
    server, which hears words, mostly asks for less."""
    max_utterance_ms: float = 20_000
    """Longer speech is cut here and goes on as the next utterance."""
    pre_roll_ms: float = 300
    """Sound before the detected start that belongs to it: soft first consonants."""
    post_roll_ms: float = 96
    """Sound after the detected end that is still decoded: soft last consonants. Not longer than
    ``pause_ms``, so that what is decoded at the pause is all that counts at the endpoint."""
    rejoin_ms: float = 1500
    """Speech that begins so soon after an endpoint comes with the sound between: it may be the
    same sentence, and then both are heard as one."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    @property
    def tail_ms(self) -> float:
        """How long silence must go on after a recording: enough for any endpoint."""
        return 2 * self.hangover_ms + 1000

    def __post_init__(self) -> None:
        if not 0 < self.stop_probability <= self.start_probability < 1:
            raise ConfigError(
                "stop_probability must lie in 0..start_probability, and that below 1",
                hint="The defaults are 0.35 and 0.5",
            )
        if not 0 < self.pause_ms <= self.hangover_ms:
            raise ConfigError("pause_ms must be over 0 and at most hangover_ms")
        if self.min_speech_ms <= 0 or min(self.pre_roll_ms, self.rejoin_ms) < 0:
            raise ConfigError("min_speech_ms must be over 0, pre_roll_ms and rejoin_ms not below 0")
        if not 0 <= self.post_roll_ms <= self.pause_ms:
            raise ConfigError("post_roll_ms must lie in 0..pause_ms")
        if self.max_utterance_ms < self.hangover_ms + self.pre_roll_ms + self.min_speech_ms:
            raise ConfigError("max_utterance_ms must leave room for pre-roll, speech and hangover")


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """Speech began; the utterance's sound starts at ``start_sample``.

    That is the pre-roll before the ``onset_sample`` of the speech, or the end of the sound of the
    utterance before where that was just now.
    """

    start_sample: int
    onset_sample: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence since ``sample``, the end of the speech so far."""

    sample: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Speech goes on at ``sample``."""

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """The endpoint: speech ended at ``end_sample``, known at ``decided_sample``."""

    end_sample: int
    decided_sample: int
    reason: EndReason


Event = SpeechStart | Pause | Resume | SpeechEnd


class _State(Enum):
    SILENCE = auto()
    SPEECH = auto()
    PAUSED = auto()


class Endpointer:
    """Feed it every frame in order; it answers with what happened at that frame."""

    def __init__(self, options: EndpointerOptions | None = None) -> None:
        self.options = options or EndpointerOptions()
        self._state = _State.SILENCE
        self._onset: int | None = None  # first sample of the speech not yet long enough
        self._start = 0  # of the open utterance
        self._speech_end = 0  # end of the last speech frame
        self._hangover = 0  # samples of silence that end the present pause
        self._free_from: int | None = None  # sound before it belongs to an earlier utterance

    @property
    def in_utterance(self) -> bool:
        """Whether an utterance is open."""
        return self._state is not _State.SILENCE

    def step(self, probability: float, start_sample: int, end_sample: int) -> list[Event]:
        """What the frame [start_sample, end_sample) brings: at most four events, in order."""
        events = self.pass_time(end_sample - 1)
        held = self._onset is not None or self._state is _State.SPEECH
        limit = self.options.stop_probability if held else self.options.start_probability
        if self._state is _State.SILENCE:
            return events + self._in_silence(probability >= limit, start_sample, end_sample)
        events += self._in_utterance(probability >= limit, start_sample, end_sample)
        return events + self._cut_when_too_long(end_sample)

    def pass_time(self, sample: int) -> list[Event]:
        """The endpoint, where its hangover has ended by ``sample`` and no frame said otherwise."""
        due = self._speech_end + self._hangover
        if self._state is not _State.PAUSED or sample < due:
            return []
        return [self._end(self._speech_end, due, "silence")]

    def shorten(self, pause_sample: int, hangover_ms: float) -> None:
        """Let the pause since ``pause_sample``, if it lasts, end the utterance sooner."""
        if self._state is _State.PAUSED and pause_sample == self._speech_end:
            self._hangover = min(self._hangover, ms_to_samples(hangover_ms))

    def handed_out(self, sample: int) -> None:
        """Sound before ``sample`` is an ended utterance's, also what lies behind its endpoint."""
        self._free_from = max(sample, self._free_from or 0)

    def flush(self, sample: int) -> list[Event]:
        """End the open utterance now: no more sound will come."""
        if not self.in_utterance:
            return []
        end = self._speech_end if self._state is _State.PAUSED else sample
        return [self._end(end, sample, "flush")]

    def _in_silence(self, is_speech: bool, start: int, end: int) -> list[Event]:
        if not is_speech:
            self._onset = None
            return []
        self._onset = start if self._onset is None else self._onset
        if end - self._onset < ms_to_samples(self.options.min_speech_ms):
            return []
        self._start = self._start_of(self._onset)
        onset = max(self._onset, self._start)
        self._state, self._onset, self._speech_end = _State.SPEECH, None, end
        return [SpeechStart(self._start, onset)]

    def _start_of(self, onset: int) -> int:
        start = max(0, onset - ms_to_samples(self.options.pre_roll_ms))
        if self._free_from is None:
            return start
        if onset - self._free_from <= ms_to_samples(self.options.rejoin_ms):
            return self._free_from
        return max(start, self._free_from)

    def _in_utterance(self, is_speech: bool, start: int, end: int) -> list[Event]:
        if is_speech:
            self._speech_end = end
            if self._state is _State.PAUSED:
                self._state = _State.SPEECH
                return [Resume(start)]
            return []
        silence = end - self._speech_end
        events: list[Event] = []
        if self._state is _State.SPEECH and silence >= ms_to_samples(self.options.pause_ms):
            self._state = _State.PAUSED
            self._hangover = ms_to_samples(self.options.hangover_ms)
            events.append(Pause(self._speech_end))
        return events + self.pass_time(end)

    def _cut_when_too_long(self, end: int) -> list[Event]:
        too_long = end - self._start >= ms_to_samples(self.options.max_utterance_ms)
        if not self.in_utterance or not too_long:
            return []
        speaking = self._state is _State.SPEECH
        events: list[Event] = [self._end(end if speaking else self._speech_end, end, "max_length")]
        if speaking:
            self._state, self._start, self._speech_end = _State.SPEECH, end, end
            events.append(SpeechStart(end, end))
        return events

    def _end(self, end_sample: int, decided_sample: int, reason: EndReason) -> SpeechEnd:
        self._state = _State.SILENCE
        self._free_from = decided_sample
        return SpeechEnd(end_sample, decided_sample, reason)
