"""The server's side of a session whose sound the server cuts, without I/O.

    sound ─► backlog ─► segmenter ─► what a client that cuts would send ─► ServerSession ─► events

The segmenter is the client's own, and the session is told of utterances in the very messages that a
client would send, so that both ways cut at the same samples and answer alike. Sound is heard only
as far as nothing still to come can change what follows from it: up to the shortest hangover after
a pause until the server has said how long that pause may last, and not beyond an utterance while
too many wait for their answer. So cuts do not depend on how fast sound comes or how busy the server
is; what may not be heard yet waits in the backlog, and its owner stops reading meanwhile.

Whose ears find the utterances may change while a session lasts: others take over where a gap is in
the sound, or in a silence so long that no utterance can reach back into it, never inside one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from speechsearch.audio.source import BLOCK_SAMPLES
from speechsearch.clock import Clock, monotonic_s
from speechsearch.errors import MalformedMessage, OutOfOrder, SamplePositionError
from speechsearch.types import SAMPLE_RATE_HZ, Chunk, ms_to_samples
from speechsearch.vad import endpointer as vad
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.codec import STREAM, AudioFrame, decode_audio, to_pcm
from speechsearch.wire.cuts import CutMessage, cut_message
from speechsearch.wire.events import Event, Left, Reply
from speechsearch.wire.server_session import ServerFacts, ServerSession

ACK_EVERY_SAMPLES = SAMPLE_RATE_HZ // 2
OVERLAP_SAMPLES = SAMPLE_RATE_HZ
"""Of silence, that ears which take over hear once more: they know the noise, and the pre-roll"""
Make = Callable[[], Segmenter]


class Ears(Protocol):
    """What finds utterances; asked again and again."""

    @property
    def segmenter(self) -> Make:
        """Makes what finds them from now on: another object where that is to change."""
        ...

    @property
    def shortest_hangover_ms(self) -> float:
        """The least that ``Stream.advise`` may bring."""
        ...


@dataclass(frozen=True, slots=True)
class SameEars:
    """Those that never change."""

    segmenter: Make
    shortest_hangover_ms: float


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Sound that waits to be heard, and since when."""

    frame: AudioFrame
    at_s: float


class Stream:
    """Feeds one session."""

    def __init__(self, session: ServerSession, ears: Ears, clock: Clock = monotonic_s) -> None:
        self.session = session
        self._clock = clock
        self._ears = ears
        self._make = ears.segmenter
        self._segmenter = self._make()
        self._change_from = 0  # position from which on others may take over
        self._origin = 0  # position of the segmenter's first sample on the session's time line
        self._backlog: deque[_Arrived | m.Flush] = deque()
        self._arrived_s = 0.0  # when the sound heard last came
        self._next = 0  # position that the next frame begins at
        self._between = True  # the next frame may begin later than that
        self._acked = 0
        self._number = 0
        self._start = 0  # of the newest utterance's sound
        self._paused_at: int | None = None  # the pause that still wants a hangover

    @property
    def detector(self) -> str:
        """What finds the utterances: ``silero:0.5``."""
        return self._segmenter.name

    @property
    def waits(self) -> bool:
        """Whether sound waits for ``advise`` or for an answer: read no more until it is heard."""
        return bool(self._backlog)

    def greet(self, hello: m.Hello, server: ServerFacts, resumed: bool) -> list[m.ServerMessage]:
        """``ready``, and after a resume what the client may have missed."""
        if hello.resume is None or not resumed:
            return [self.session.ready(server, resumed)]
        received = [m.Received(utterance=STREAM, sample=self._next)]
        missed = self.session.answers_to(hello.resume.awaiting, hello.resume.newest)
        state = [self._state("speech", self._start)] if self._is_open else []
        return [self.session.ready(server, resumed, received), *missed, *state]

    def receive_text(self, text: str) -> list[Event]:
        """What a text frame brings; raises a WireError or Overloaded where it is not allowed."""
        message = self.session.decode(text)
        match message:
            case m.Flush() | m.Bye():
                self._between = True
                self._backlog.append(m.Flush())
                events = [self._ack(), *self.go_on()]
                return [*events, Left()] if isinstance(message, m.Bye) else events
            case m.SpeechEnd(reason="cancel"):
                withdrawn = list(_without_acks(self.session.take(message)))
                self._paused_at = None
                return [*withdrawn, *self.go_on()]
            case m.SpeechStart() | m.Pause() | m.Resume() | m.SpeechEnd():
                raise OutOfOrder(
                    f"{type(message).__name__} came and the server finds this session's utterances",
                    hint='Say "vad": "client" in hello to find them yourself',
                )
        return self.session.take(message)

    def receive_audio(self, data: bytes) -> list[Event]:
        """What a binary frame brings; raises a WireError where it is not allowed."""
        frame = decode_audio(data, self.session.limits)
        if frame.utterance != STREAM:
            raise MalformedMessage(
                f"an audio frame has utterance {frame.utterance} and the server finds the "
                "utterances of this session",
                hint="Send all sound as utterance 0",
            )
        first = frame.first_sample
        if first < self._next or (first > self._next and not self._between):
            raise SamplePositionError(
                f"audio starts at sample {first}, expected {self._next}",
                hint=f"Send from sample {self._next}; only after flush there may be a gap",
            )
        self._between = False
        self._next = frame.end_sample
        self._backlog.append(_Arrived(frame, self._clock()))
        acks = [self._ack()] if self._next - self._acked >= ACK_EVERY_SAMPLES else []
        return [*acks, *self.go_on()]

    def advise(self, pause_sample: int, hangover_ms: float) -> list[Event]:
        """The pause since ``pause_sample`` may last so long; what follows from it."""
        if pause_sample == self._paused_at:
            self._paused_at = None
        ended = self._segmenter.shorten(pause_sample - self._origin, hangover_ms)
        return [*self._tell(ended), *self.go_on()]

    def go_on(self) -> list[Event]:
        """Hear what waits, as far as may be; call when an utterance was answered."""
        events: list[Event] = []
        while self._backlog:
            room, item = self._room(), self._backlog[0]
            if isinstance(item, _Arrived) and not room:
                break
            self._backlog.popleft()
            if isinstance(item, _Arrived):
                events += self._hear(item, room)
            else:
                events += self._tell(self._segmenter.flush())
        return events

    def _room(self) -> int:
        """How many samples may be heard now."""
        if not self._segmenter.in_utterance:
            full = self.session.unanswered >= self.session.limits.max_unanswered
            return 0 if full else BLOCK_SAMPLES
        if self._paused_at is None:
            return BLOCK_SAMPLES
        sure_until = self._paused_at + ms_to_samples(self._ears.shortest_hangover_ms)
        return max(0, min(BLOCK_SAMPLES, sure_until - self._position))

    def _hear(self, arrived: _Arrived, room: int) -> Iterator[Event]:
        frame, self._arrived_s = arrived.frame, arrived.at_s
        if frame.first_sample != self._position:
            self._make = self._ears.segmenter
            self._segmenter, self._origin = self._make(), frame.first_sample
        elif self._ears.segmenter is not self._make:
            self._change_ears(self._ears.segmenter)
        now, later = frame.pcm[:room], frame.pcm[room:]
        if len(later):
            rest = AudioFrame(STREAM, frame.first_sample + room, later)
            self._backlog.appendleft(_Arrived(rest, arrived.at_s))
        heard = AudioFrame(STREAM, frame.first_sample, now)
        yield from self._tell(self._segmenter.feed(heard.samples))

    def _change_ears(self, make: Make) -> None:
        """Let others hear from here on, where it is silent and has been for long enough."""
        reach = max(ms_to_samples(self._segmenter.options.rejoin_ms), OVERLAP_SAMPLES)
        if self._segmenter.quiet_samples < reach or self._position < self._change_from:
            return
        others = make()
        if list(others.feed(self._segmenter.newest(OVERLAP_SAMPLES))):  # to them it is speech
            self._change_from = self._position + OVERLAP_SAMPLES
            return
        self._origin = self._position - others.position
        self._make, self._segmenter = make, others

    def _tell(self, happened: Iterable[vad.Event | Chunk]) -> Iterator[Event]:
        for event in happened:
            yield from _without_acks(self._as_client(event))

    def _as_client(self, event: vad.Event | Chunk) -> Iterator[Event]:
        """The session hears of an event as from a client, the client as from a server."""
        if isinstance(event, vad.SpeechStart):
            self._number += 1
            self._start = event.start_sample + self._origin
            yield Reply(self._state("speech", event.onset_sample + self._origin))
            yield from self.session.take(self._message(event))
        elif isinstance(event, vad.SpeechEnd):
            self._paused_at = None
            if self._is_open:
                yield from self._end(event)
        elif self._is_open:
            yield from self._within(event)

    def _within(self, event: Chunk | vad.Pause | vad.Resume) -> Iterator[Event]:
        match event:
            case Chunk(samples, start):
                frame = AudioFrame(self._number, start + self._origin, to_pcm(samples))
                yield from self.session.take_audio(frame)
            case vad.Pause(sample):
                self._paused_at = sample + self._origin
                yield Reply(self._state("pause", self._paused_at))
                yield from self.session.take(self._message(event))
            case vad.Resume(sample):
                self._paused_at = None
                yield Reply(self._state("speech", sample + self._origin))
                yield from self.session.take(self._message(event))

    def _end(self, event: vad.SpeechEnd) -> Iterator[Event]:
        yield Reply(
            m.Endpoint(
                utterance=self._number,
                end_sample=event.end_sample + self._origin,
                reason=event.reason,
                decided_sample=event.decided_sample + self._origin,
                waited_ms=round((self._clock() - self._arrived_s) * 1000, 3),
            )
        )
        yield from self.session.take(self._message(event))

    def _message(self, event: vad.Event) -> CutMessage:
        return cut_message(event, self._number, self._origin)

    def _state(self, state: Literal["speech", "pause"], sample: int) -> m.Vad:
        return m.Vad(utterance=self._number, state=state, sample=sample, start_sample=self._start)

    @property
    def _is_open(self) -> bool:
        """Whether the session still has the utterance: it may be withdrawn, or grew too long."""
        return self._number > 0 and self.session.progress[0] == self._number

    @property
    def _position(self) -> int:
        return self._origin + self._segmenter.position

    def _ack(self) -> Reply:
        self._acked = self._next
        return Reply(m.Ack(utterance=STREAM, sample=self._next))


def _without_acks(events: Iterable[Event]) -> Iterator[Event]:
    """The sound that the client sent is acknowledged, not the utterances cut from it."""
    for event in events:
        if not (isinstance(event, Reply) and isinstance(event.message, m.Ack)):
            yield event
