"""A recording heard by the server as if a client had played it: a segmenter, a session and a
conversation of the very same kind, so that both ways cut and answer the same.

blocks ─► segmenter ─► session ─► conversation ─► answers
              ▲                        │
              └── how long a pause may last
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from speechsearch.audio.floor import Quietest, floor_like
from speechsearch.audio.source import BLOCK_SAMPLES
from speechsearch.clock import Clock, monotonic_s
from speechsearch.server.conversation import Conversation, Say
from speechsearch.server.offload import Offload
from speechsearch.server.replies import answer_message
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Chunk, ms_to_samples
from speechsearch.vad import endpointer as vad
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.codec import AudioFrame, to_pcm
from speechsearch.wire.cuts import cut_message
from speechsearch.wire.events import Event, Paused, Resumed, UtteranceEnded
from speechsearch.wire.objects import utterance_timings_ms
from speechsearch.wire.server_session import ServerSession

Heard = vad.Event | Chunk
STEP_SAMPLES = 4 * SAMPLE_RATE_HZ
"""So much is heard in a thread before the loop has its turn: about 30 ms of work"""
TRUSTED = m.Limits(max_utterance_ms=2**40, max_session_s=2**40)
"""The session's other side is this module"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one utterance."""

    message: m.Final | m.Nothing
    timings_ms: dict[str, float]
    """As a client's would be, without a network"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the recording was heard."""

    done_s: float


@dataclass(slots=True)
class _Step:
    """What a stretch of sound brought, and when the last of it was heard."""

    heard: list[Heard] = field(default_factory=list)
    at_s: float = 0.0
    over: bool = False


class Hearing:
    """One recording; ``blocks`` are float32 [n], 16 kHz mono, drawn in a thread."""

    def __init__(
        self,
        blocks: Iterable[Audio],
        segmenter: Segmenter,
        converse: Callable[[Say], Conversation],
        clock: Clock = monotonic_s,
    ) -> None:
        self._pieces = _pieces(blocks, ms_to_samples(segmenter.options.tail_ms))
        self._segmenter = segmenter
        self._session = ServerSession(TRUSTED, clock)
        self._conversation = converse(self._hear_advice)
        self._clock = clock
        self._number = 0
        self._advice: asyncio.Future[float] | None = None
        self._offload = Offload()
        self._heard_at_s = 0.0

    async def answers(self) -> AsyncIterator[Answer | Position]:
        """Every answer, in order, and how far the recording was heard between them.

        Raises what drawing a block raises, and the SpeechsearchError of an utterance that fails.
        """
        over = False
        while not over:
            step = await self._offload.run(self._listen)
            self._heard_at_s, over = step.at_s, step.over
            for heard in step.heard:
                async for answer in self._take(heard):
                    yield answer
            yield Position(self._segmenter.position / SAMPLE_RATE_HZ)

    async def close(self) -> None:
        """Withdraw what is not answered; return when no thread draws blocks any more."""
        self._conversation.withdraw()
        await self._offload.settled()

    def _listen(self) -> _Step:
        """Hear on until something happens, the step is over or the recording is; in a thread."""
        step = _Step()
        until = self._segmenter.position + STEP_SAMPLES
        for piece in self._pieces:
            step.at_s = self._clock()
            step.heard += self._segmenter.feed(piece)
            happened = any(not isinstance(heard, Chunk) for heard in step.heard)
            if happened or self._segmenter.position >= until:
                return step
        step.at_s, step.over = self._clock(), True
        step.heard += self._segmenter.flush()
        return step

    async def _take(self, heard: Heard) -> AsyncIterator[Answer]:
        """Tell the session, and do what follows."""
        for event in self._tell(heard):
            match event:
                case Paused():
                    hangover_ms = await self._advised(event)
                    for more in list(self._segmenter.shorten(event.sample, hangover_ms)):
                        async for answer in self._take(more):
                            yield answer
                case Resumed():
                    self._conversation.resume(event)
                case UtteranceEnded():
                    yield await self._answered(event)

    def _tell(self, heard: Heard) -> list[Event]:
        """What a client would have sent, frame for frame."""
        if isinstance(heard, Chunk):
            frame = AudioFrame(self._number, heard.start_sample, to_pcm(heard.samples))
            return self._session.take_audio(frame)
        if isinstance(heard, vad.SpeechStart):
            self._number += 1
        return self._session.take(cut_message(heard, self._number))

    async def _advised(self, pause: Paused) -> float:
        """Begin to answer; how long this pause may last, in milliseconds."""
        self._advice = asyncio.get_running_loop().create_future()
        self._conversation.pause(pause)
        return await self._advice

    async def _hear_advice(self, message: m.Message) -> None:
        if not isinstance(message, m.Hangover) or not message.settled:
            return
        if self._advice and not self._advice.done():
            self._advice.set_result(message.hangover_ms)

    async def _answered(self, ended: UtteranceEnded) -> Answer:
        decided_s = self._clock()
        behind_s = (self._segmenter.position - ended.end_sample) / SAMPLE_RATE_HZ
        spoken_until_s = self._heard_at_s - behind_s
        answered = await self._conversation.end(ended)
        result, _ = await self._conversation.rehearings.settle(answered)
        after_ms = (self._clock() - decided_s) * 1000
        message = answer_message(result, ended, after_ms)
        self._session.answered(message, ended.utterance.number)
        endpoint_ms = (decided_s - spoken_until_s) * 1000
        return Answer(message, utterance_timings_ms(message.timings_ms, endpoint_ms, after_ms))


def _pieces(blocks: Iterable[Audio], tail_samples: int) -> Iterator[Audio]:
    """The blocks cut as a player cuts them, and the recording's noise floor behind them."""
    quietest = Quietest()

    def sound() -> Iterator[Audio]:
        for block in blocks:
            quietest.feed(block)
            yield block
        yield floor_like(quietest.piece, tail_samples)

    rest: Audio = np.zeros(0, np.float32)
    for block in sound():
        rest = np.concatenate([rest, block])
        whole = len(rest) - len(rest) % BLOCK_SAMPLES
        for start in range(0, whole, BLOCK_SAMPLES):
            yield rest[start : start + BLOCK_SAMPLES]
        rest = rest[whole:]
    if len(rest):
        yield rest
