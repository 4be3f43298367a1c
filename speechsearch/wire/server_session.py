"""The server's side of one session, without I/O: frames in, events out.

    hello ─► (speech_start ─► (audio, pause, resume)* ─► speech_end)* ─► bye

Illegal order is an error with a name; the frame that caused it is dropped and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from speechsearch.clock import Clock, monotonic_s
from speechsearch.errors import (
    LateAudio,
    MalformedMessage,
    OutOfOrder,
    Overloaded,
    RateLimited,
    SamplePositionError,
    SessionLimit,
    UnsupportedProtocol,
    WrongSampleRate,
)
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Utterance, ms_to_samples, samples_to_ms
from speechsearch.wire import messages as m
from speechsearch.wire.codec import STREAM, AudioFrame, decode_audio, decode_client
from speechsearch.wire.events import (
    Asked,
    Event,
    Left,
    Paused,
    Reply,
    Resumed,
    UtteranceEnded,
    Withdrawn,
)

ACK_EVERY_SAMPLES = SAMPLE_RATE_HZ // 2
Answer = m.Final | m.Nothing | m.Error
PRE_ROLL_SAMPLES = ms_to_samples(300)
"""Sound before the onset that belongs to an utterance even when it goes on with nothing"""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What ``ready`` tells of the server."""

    model: str
    entries: int
    reports: bool = False
    degree: str = ""


@dataclass(slots=True)
class _Open:
    """The utterance being spoken."""

    number: int
    start_sample: int
    lead_samples: int
    next_sample: int
    acked_sample: int
    pieces: list[Audio] = field(default_factory=lambda: [np.zeros(0, np.float32)])
    paused_at: int | None = None

    def utterance(self) -> Utterance:
        self.pieces = [np.concatenate(self.pieces)]
        return Utterance(self.number, self.pieces[0], self.start_sample, self.lead_samples)


def check_hello(hello: m.Hello) -> None:
    """Raise WrongSampleRate or UnsupportedProtocol where ``hello`` asks for what is not here."""
    if hello.protocol != m.PROTOCOL:
        raise UnsupportedProtocol(
            f"the client speaks {hello.protocol!r}", hint=f"This server speaks {m.PROTOCOL!r}"
        )
    if hello.sample_rate_hz != SAMPLE_RATE_HZ:
        raise WrongSampleRate(
            f"the client announced {hello.sample_rate_hz} Hz",
            hint=f"Resample to {SAMPLE_RATE_HZ} Hz before sending",
        )


class ServerSession:
    """Outlives its socket: a dropped client takes it up again with its resume token."""

    def __init__(self, limits: m.Limits | None = None, clock: Clock = monotonic_s) -> None:
        self.id = secrets.token_hex(8)
        self.resume_token = secrets.token_urlsafe(24)
        self.limits = limits or m.Limits()
        self._clock = clock
        self._started_s = self._refilled_s = clock()
        self._tokens = float(4 * self.limits.max_messages_per_s)
        self._open: _Open | None = None
        self._last_number = 0
        self._last_end_sample = 0
        self._waiting: set[int] = set()
        self._answers: dict[int, Answer] = {}

    @property
    def unanswered(self) -> int:
        """How many utterances have ended and wait for their answer."""
        return len(self._waiting)

    @property
    def in_flight(self) -> bool:
        """Whether an utterance is open or waits for its answer."""
        return self._open is not None or bool(self._waiting)

    def greet(self, hello: m.Hello, server: ServerFacts, resumed: bool) -> list[m.ServerMessage]:
        """``ready``, and after a resume the answers that the client may have missed."""
        awaiting = hello.resume.awaiting if hello.resume else ()
        if self._open and self._open.number not in awaiting:
            self._close(self._open)
        held = self._open
        received = [m.Received(utterance=held.number, sample=held.next_sample)] if held else []
        received += [
            m.Received(utterance=n, sample=2**62)
            for n in sorted(self._waiting | (set(awaiting) & self._answers.keys()))
        ]
        return [self.ready(server, resumed, received), *self.answers_to(awaiting)]

    def ready(
        self, server: ServerFacts, resumed: bool, received: Iterable[m.Received] = ()
    ) -> m.Ready:
        """What greets a client."""
        return m.Ready(
            session=self.id,
            resume_token=self.resume_token,
            limits=self.limits,
            model=server.model,
            entries=server.entries,
            resumed=resumed,
            received=tuple(received),
            reports=server.reports,
            degree=server.degree,
        )

    def answers_to(self, awaiting: Iterable[int], later_than: int | None = None) -> list[Answer]:
        """Those that are remembered, to the utterances named and to all ``later_than`` a number."""
        wanted = set(awaiting)
        return [
            answer
            for number, answer in sorted(self._answers.items())
            if number in wanted or (later_than is not None and number > later_than)
        ]

    def receive_text(self, text: str) -> list[Event]:
        """What a text frame brings; raises a WireError or Overloaded where it is not allowed."""
        return self.take(self.decode(text))

    def decode(self, text: str) -> m.ClientMessage:
        """A client's text frame, counted against the limits; raises a WireError."""
        message = decode_client(text, self.limits)
        self._spend_token()
        return message

    def take(self, message: m.ClientMessage) -> list[Event]:
        """What a message brings; raises a WireError or Overloaded where it is not allowed."""
        match message:
            case m.Hello():
                raise OutOfOrder("hello came twice", hint="Open another connection instead")
            case m.SpeechStart():
                return self._start(message)
            case m.SpeechEnd():
                return list(self._end(message))
            case m.Pause() | m.Resume():
                return self._hold(message)
            case m.Search() | m.Feedback() | m.Report():
                return [Asked(message)]
            case m.Flush():
                return list(self._finish("flush"))
            case m.Bye():
                return [*self._finish("flush"), Left()]

    @property
    def progress(self) -> tuple[int, int]:
        """Number of the utterance being spoken, 0 where none is, and how far its sound has come."""
        return (self._open.number, self._open.next_sample) if self._open else (0, 0)

    @property
    def open_utterance(self) -> Utterance | None:
        """What has come so far of the utterance being spoken."""
        return self._open.utterance() if self._open else None

    def receive_audio(self, data: bytes) -> list[Event]:
        """What a binary frame brings; raises a WireError where it is not allowed."""
        return self.take_audio(decode_audio(data, self.limits))

    def take_audio(self, frame: AudioFrame) -> list[Event]:
        """What sound of an utterance brings; raises a WireError where it is not allowed."""
        if frame.utterance == STREAM:
            raise MalformedMessage(
                "an audio frame has utterance 0 and this session's client finds the utterances",
                hint='Count utterances from 1, or say "vad": "server" in hello',
            )
        current = self._current(frame.utterance, "audio")
        if frame.first_sample != current.next_sample:
            raise SamplePositionError(
                f"audio of utterance {frame.utterance} starts at sample {frame.first_sample}, "
                f"expected {current.next_sample}",
                hint=f"Send again from sample {current.next_sample}; frames must not overlap",
            )
        current.pieces.append(frame.samples)
        current.next_sample = frame.end_sample
        self._tokens += len(frame.pcm) / SAMPLE_RATE_HZ * self.limits.max_messages_per_s
        length_ms = samples_to_ms(current.next_sample - current.start_sample)
        if length_ms >= self.limits.max_utterance_ms:
            return list(self._finish("max_length"))
        if current.next_sample - current.acked_sample >= ACK_EVERY_SAMPLES:
            return [self._ack(current)]
        return []

    def answered(self, answer: Answer, utterance: int) -> None:
        """Remember the answer until later ones push it out: the client may have to ask again."""
        self._waiting.discard(utterance)
        self._answers[utterance] = answer
        while len(self._answers) > 2 * self.limits.max_unanswered:
            del self._answers[min(self._answers)]

    def revised(self, revised: m.Revised) -> None:
        """Remember that a second ear is done with an answer."""
        answer = self._answers.get(revised.utterance)
        if isinstance(answer, m.Final):
            self._answers[revised.utterance] = m.with_revision(answer, revised)

    def _start(self, message: m.SpeechStart) -> list[Event]:
        if self._open:
            raise OutOfOrder(
                f"utterance {message.utterance} starts while {self._open.number} is open",
                hint="Send speech_end first",
            )
        if message.utterance <= self._last_number:
            raise LateAudio(
                f"utterance {message.utterance} was here already",
                hint=f"Number utterances upwards; the next is {self._last_number + 1}",
                utterance=message.utterance,
            )
        if message.start_sample < self._last_end_sample:
            raise SamplePositionError(
                f"utterance {message.utterance} starts at sample {message.start_sample}, inside "
                f"the one before it, which has sound up to {self._last_end_sample}",
                hint="Positions only grow within a session",
            )
        if len(self._waiting) >= self.limits.max_unanswered:
            raise Overloaded(
                f"{len(self._waiting)} utterances wait for their answer",
                hint="Start this utterance again after the next answer",
                utterance=message.utterance,
            )
        start, onset = message.start_sample, message.onset_sample or message.start_sample
        if onset < start:
            raise SamplePositionError(
                f"speech of utterance {message.utterance} begins at sample {onset}, before its "
                f"sound at {start}",
                hint="Let onset_sample lie at or after start_sample, or leave it out",
            )
        lead = max(0, onset - PRE_ROLL_SAMPLES - start)
        self._open = _Open(message.utterance, start, lead, start, start)
        self._last_number = message.utterance
        return []

    def _hold(self, message: m.Pause | m.Resume) -> list[Event]:
        current = self._current(message.utterance, type(message).__name__.lower())
        if isinstance(message, m.Pause):
            _check_within(current, message.sample, "pause")
            current.paused_at = message.sample
            return [Paused(current.utterance(), message.sample)]
        if current.paused_at is None:
            return []
        pause_ms = samples_to_ms(max(0, message.sample - current.paused_at))
        current.paused_at = None
        return [Resumed(current.number, pause_ms)]

    def _end(self, message: m.SpeechEnd) -> Iterator[Event]:
        current = self._current(message.utterance, "speech_end")
        if message.reason != "cancel":
            _check_within(current, message.end_sample, "speech_end")
        yield self._ack(current)
        if message.reason == "cancel":
            self._close(current)
            yield Withdrawn(current.number)
        else:
            yield from self._finish(message.reason, message.end_sample)

    def _finish(self, reason: str, end_sample: int | None = None) -> Iterator[Event]:
        """End the open utterance; the server's own decision where ``end_sample`` is None."""
        current = self._open
        if current is None:
            return
        self._close(current)
        self._waiting.add(current.number)
        if end_sample is None:
            end_sample = current.next_sample
            endpoint = m.Endpoint(utterance=current.number, end_sample=end_sample, reason=reason)
            yield Reply(endpoint)
        yield UtteranceEnded(current.utterance(), end_sample, reason)

    def _close(self, current: _Open) -> None:
        self._open = None
        self._last_end_sample = current.next_sample

    def _ack(self, current: _Open) -> Reply:
        current.acked_sample = current.next_sample
        return Reply(m.Ack(utterance=current.number, sample=current.next_sample))

    def _current(self, number: int, what: str) -> _Open:
        if self._open and self._open.number == number:
            return self._open
        if number <= self._last_number:
            raise LateAudio(
                f"{what} for utterance {number}, which has ended",
                hint="Start the next utterance with speech_start",
            )
        raise OutOfOrder(
            f"{what} for utterance {number}, which has not started",
            hint="Send speech_start before it",
        )

    def _spend_token(self) -> None:
        now_s, rate = self._clock(), self.limits.max_messages_per_s
        if now_s - self._started_s > self.limits.max_session_s:
            raise SessionLimit(
                f"the session is older than {self.limits.max_session_s} s", hint="Connect again"
            )
        earned = (now_s - self._refilled_s) * rate
        self._tokens = min(4.0 * rate, self._tokens + earned)
        self._refilled_s = now_s
        if self._tokens < 1:
            raise RateLimited(
                f"over {rate} control messages a second", hint="Wait a second, then send again"
            )
        self._tokens -= 1


def _check_within(current: _Open, sample: int, what: str) -> None:
    if not current.start_sample <= sample <= current.next_sample:
        raise SamplePositionError(
            f"{what} of utterance {current.number} names sample {sample}, "
            f"its sound is {current.start_sample}..{current.next_sample}",
            hint=f"Send all sound before {what}",
        )
