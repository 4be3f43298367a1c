"""The client's side of one session, without I/O.

It keeps every utterance's sound until the answer is there, so that a dropped socket, or a
server that was killed, costs nothing that was spoken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from speechsearch.types import Chunk
from speechsearch.wire import messages as m
from speechsearch.wire.codec import (
    AudioFrame,
    decode_server,
    encode_audio,
    encode_message,
    to_pcm,
)

MAX_KEPT = 8
"""Unanswered utterances kept while nobody answers; older ones are given up, and said so."""


@dataclass(slots=True)
class _Outstanding:
    """An utterance without an answer."""

    number: int
    begin: m.SpeechStart
    frames: list[AudioFrame] = field(default_factory=list)
    end: m.SpeechEnd | None = None


class ClientSession:
    """Turns what the segmenter says into frames, and frames of the server into messages."""

    def __init__(self, token: str = "", *, partials: bool = True, patient: bool = False) -> None:
        self._token = token
        self._partials = partials
        self._patient = patient
        self._revising: set[int] = set()
        self._ready: m.Ready | None = None
        self._outstanding: dict[int, _Outstanding] = {}
        self._last_number = 0

    @property
    def awaiting(self) -> tuple[int, ...]:
        """Utterances started and not answered yet, oldest first."""
        return tuple(self._outstanding)

    @property
    def revising(self) -> frozenset[int]:
        """Answered utterances whose revision is to follow."""
        return frozenset(self._revising)

    @property
    def limits(self) -> m.Limits:
        """What the server takes; the protocol's defaults before it has said so."""
        return self._ready.limits if self._ready else m.Limits()

    def hello(self) -> str:
        """The first frame of a connection; takes up the earlier session where there was one.

        A revision that an earlier connection promised may have been lost with it.
        """
        self._revising.clear()
        resume = None
        if self._ready:
            resume = m.ResumeRequest(token=self._ready.resume_token, awaiting=self.awaiting)
        return encode_message(
            m.Hello(
                protocol=m.PROTOCOL,
                token=self._token,
                partials=self._partials,
                patient=self._patient,
                resume=resume,
            )
        )

    def welcome(self, ready: m.Ready) -> Iterator[str | bytes]:
        """The frames that bring the server up to date: sound it does not have yet."""
        self._ready = ready
        held = {received.utterance: received.sample for received in ready.received}
        for kept in self._outstanding.values():
            yield from _replay(kept, held.get(kept.number))

    def receive(self, text: str) -> m.ServerMessage:
        """A frame of the server; an answer ends the wait for its utterance."""
        message = decode_server(text)
        if isinstance(message, m.Final | m.Nothing | m.Error) and message.utterance is not None:
            self._outstanding.pop(message.utterance, None)
        if isinstance(message, m.Final) and message.revising:
            self._revising.add(message.utterance)
        elif isinstance(message, m.Revised):
            self._revising.discard(message.utterance)
        return message

    def start(self, start_sample: int, onset_sample: int | None = None) -> tuple[int, str]:
        """Begin an utterance; its number and the frame."""
        self._last_number += 1
        begin = m.SpeechStart(
            utterance=self._last_number, start_sample=start_sample, onset_sample=onset_sample
        )
        self._outstanding[self._last_number] = _Outstanding(self._last_number, begin)
        return self._last_number, encode_message(begin)

    def give_up_oldest(self) -> int | None:
        """Forget the oldest utterance where too many wait; its number."""
        ended = [kept.number for kept in self._outstanding.values() if kept.end]
        if len(self._outstanding) <= MAX_KEPT or not ended:
            return None
        del self._outstanding[ended[0]]
        return ended[0]

    def audio(self, utterance: int, chunk: Chunk) -> bytes:
        """Sound of the utterance."""
        frame = AudioFrame(utterance, chunk.start_sample, to_pcm(chunk.samples))
        if utterance in self._outstanding:
            self._outstanding[utterance].frames.append(frame)
        return encode_audio(frame)

    def end(self, message: m.SpeechEnd) -> str:
        """The endpoint, or with reason ``cancel`` its withdrawal."""
        kept = self._outstanding.get(message.utterance)
        if message.reason == "cancel":
            self._outstanding.pop(message.utterance, None)
        elif kept:
            kept.end = message
        return encode_message(message)


def _replay(kept: _Outstanding, held_until: int | None) -> Iterator[str | bytes]:
    """Frames of an utterance from the position the server has; all of it where it has none."""
    if held_until is None:
        yield encode_message(kept.begin)
        held_until = kept.begin.start_sample
    for frame in kept.frames:
        skip = max(0, held_until - frame.first_sample)
        if skip < len(frame.pcm):
            yield encode_audio(
                AudioFrame(frame.utterance, frame.first_sample + skip, frame.pcm[skip:])
            )
    if kept.end and held_until < 2**62:
        yield encode_message(kept.end)
