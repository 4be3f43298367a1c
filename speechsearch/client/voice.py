"""The client's core: a source of sound through VAD and socket to answers, each one timed.

The four instants: t0 acoustic end of speech, t1 endpoint decision, t2 final transcript on the
server, t3 results here. Without a label t0 is the end of the last frame that was speech, or, where
a key is held to talk, the instant it was let go.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from speechsearch import __version__
from speechsearch.audio.source import Block, Source, SourceNotice
from speechsearch.client.connection import Connection, ConnectionState, GivenUp
from speechsearch.client.reporting import Reporter, Totals
from speechsearch.client.traces import ClientTraces
from speechsearch.clock import Clock, Lap, monotonic_s
from speechsearch.types import SAMPLE_RATE_HZ, Chunk
from speechsearch.vad import endpointer as vad
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.objects import utterance_timings_ms

SILENCE_DBFS = -100.0
ADVICE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a block was, and how much like speech."""

    dbfs: float
    speech_probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one utterance, with its instants on the client's clock."""

    message: m.Final | m.Nothing | m.Error
    utterance: int
    end_sample: int
    """t0 as the endpointer saw it, on the session's time line"""
    t0_s: float
    t1_s: float
    t3_s: float
    revised_s: float | None = None
    """When a second ear changed the text, None where it did not"""

    @property
    def is_last(self) -> bool:
        """Whether no revision is to follow."""
        return not (isinstance(self.message, m.Final) and self.message.revising)

    def revised(self, revised: m.Revised, at_s: float) -> Answer:
        """The answer after a revision that was here at ``at_s``."""
        assert isinstance(self.message, m.Final)  # noqa: S101 - nothing else is revised
        changed = revised.text != self.message.text
        message = m.with_revision(self.message, revised)
        return replace(self, message=message, revised_s=at_s if changed else None)

    @property
    def timings_ms(self) -> dict[str, float]:
        """As in ``utterance_timings_ms``."""
        server = {} if isinstance(self.message, m.Error) else self.message.timings_ms
        endpoint_ms, after_ms = (self.t1_s - self.t0_s) * 1000, (self.t3_s - self.t1_s) * 1000
        return utterance_timings_ms(server, endpoint_ms, after_ms)

    @property
    def t2_s(self) -> float:
        """The server had the transcript: half the way back before t3, and as much of the search
        as came after the endpoint.
        """
        timings = self.timings_ms
        searching_ms = min(timings["search"], timings["wait"])
        return self.t3_s - (searching_ms + timings["network"] / 2) / 1000


def standing(answers: Sequence[Answer]) -> list[Answer]:
    """The answers with text, in order, without those that a later one replaced."""
    finals = [answer for answer in answers if isinstance(answer.message, m.Final)]
    replaced = {getattr(answer.message, "continues", None) for answer in finals}
    return [answer for answer in finals if answer.utterance not in replaced]


@dataclass(frozen=True, slots=True)
class Revision:
    """An answer once more, as a second ear left it."""

    answer: Answer


VoiceEvent = (
    Level
    | vad.Event
    | Answer
    | Revision
    | ConnectionState
    | GivenUp
    | SourceNotice
    | m.ServerMessage
)


@dataclass(slots=True)
class _Spoken:
    end_sample: int
    began_s: float
    t0_s: float
    t1_s: float


@dataclass(slots=True)
class Voice:
    """Runs one source against one connection."""

    source: Source
    segmenter: Segmenter
    connection: Connection
    live: bool = True
    """False for a source that can wait when the server is behind"""
    pauses_end: bool = True
    """False where the source says when something said is over: a pause never is"""
    muted: bool = False
    clock: Clock = monotonic_s
    traces: ClientTraces = field(default_factory=ClientTraces.none)
    captured_samples: int = 0
    _sent_samples: int = 0
    _reporter: Reporter = field(init=False)
    _events: asyncio.Queue[VoiceEvent | None] = field(default_factory=asyncio.Queue)
    _spoken: dict[int, _Spoken] = field(default_factory=dict)
    _revisable: dict[int, Answer] = field(default_factory=dict)
    _advised: asyncio.Event = field(default_factory=asyncio.Event)
    _heard_at_s: float = 0.0
    _began_s: float = 0.0
    _let_go_s: float = 0.0
    _cancelled: bool = False

    def __post_init__(self) -> None:
        self._reporter = Reporter(f"python {__version__}", self.segmenter.name)

    async def run(self) -> AsyncGenerator[VoiceEvent, None]:
        """Connect; then what happens, until the source ends and everything is answered."""
        async with self.connection.running(), contextlib.aclosing(self.heard()) as events:
            async for event in events:
                yield event

    async def heard(self) -> AsyncGenerator[VoiceEvent, None]:
        """The same over a connection that somebody else keeps running."""
        tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._follow())]
        try:
            while (event := await self._next(tasks)) is not None:
                yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def cancel(self) -> None:
        """Withdraw what is being said now."""
        if self.segmenter.in_utterance:
            self._cancelled = True
            self._advised.set()
            self.connection.cancel(self.segmenter.handed_out)

    @property
    def captured_bytes(self) -> int:
        """What streaming everything as 16-bit sound would have cost."""
        return 2 * self.captured_samples

    async def _next(self, tasks: list[asyncio.Task[None]]) -> VoiceEvent | None:
        event = await self._events.get()
        for task in tasks:
            if event is None and task.done() and not task.cancelled():
                task.result()
        return event

    async def _hear(self) -> None:
        try:
            if not self.live:
                await self.connection.ready()
            async with contextlib.aclosing(self.source.blocks()) as blocks:
                async for block in blocks:
                    await self._take(block)
            self._flush()
            await self.connection.settled()
            await asyncio.sleep(0)  # lets ``_follow`` hand on the answer that has just arrived
        finally:
            self._events.put_nowait(None)

    def _flush(self) -> None:
        """No more sound for now: what was said so far is answered."""
        for event in self.segmenter.flush():
            self._submit(event)

    async def _take(self, block: Block | SourceNotice) -> None:
        if isinstance(block, SourceNotice):
            self._events.put_nowait(block)
            if block.kind in ("returned", "changed"):
                self._reporter.device_changed()
            if block.interrupts:
                self._let_go_s = block.at_s
                self._flush()
            return
        samples = np.zeros_like(block.samples) if self.muted else block.samples
        self.captured_samples += len(samples)
        self._heard_at_s = block.heard_at_s
        for event in self.segmenter.feed(samples):
            if isinstance(event, vad.SpeechStart) and not self.live:
                await self.connection.room()
            self._submit(event)
            if isinstance(event, vad.Pause) and not self.live:
                await self._advice()
        dbfs = 20 * np.log10(np.sqrt(np.mean(np.square(samples))) + 1e-5)
        self._events.put_nowait(
            Level(max(SILENCE_DBFS, float(dbfs)), self.segmenter.last_probability)
        )

    def _submit(self, event: vad.Event | Chunk) -> None:
        if isinstance(event, vad.SpeechStart):
            self._cancelled = False
            self._began_s = self._heard_s(event.start_sample)
        if self._cancelled:
            return
        self.connection.submit(event)
        if isinstance(event, Chunk):
            self._sent_samples += len(event.samples)
        if isinstance(event, vad.SpeechEnd):
            t0_s = max(self._heard_s(event.end_sample), 0.0 if self.pauses_end else self._let_go_s)
            self._spoken[self.connection.utterance] = _Spoken(
                event.end_sample, self._began_s, t0_s, self.clock()
            )
        if not isinstance(event, Chunk):
            self._events.put_nowait(event)

    def _heard_s(self, sample: int) -> float:
        """When a sample of the time line was captured."""
        return self._heard_at_s - (self.captured_samples - sample) / SAMPLE_RATE_HZ

    async def _advice(self) -> None:
        """Wait until the server has said how long this pause may last, so that a source faster
        than the server is cut where it would be in real time.
        """
        self._advised.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ADVICE_TIMEOUT_S):
                await self._advised.wait()

    def _heed(self, advice: m.Hangover) -> None:
        if self.pauses_end:
            for event in self.segmenter.shorten(advice.sample, advice.hangover_ms):
                self._submit(event)

    async def _follow(self) -> None:
        async for event in self.connection.events():
            self._events.put_nowait(event)
            number = getattr(event, "utterance", None)
            if isinstance(event, m.Hangover) and number == self.connection.utterance:
                self._heed(event)
            settled = isinstance(event, m.Hangover) and event.settled
            if settled or isinstance(event, m.Error | ConnectionState):
                self._advised.set()
            if isinstance(event, m.Final | m.Nothing | m.Error) and number in self._spoken:
                spoken = self._spoken.pop(number)
                answer = Answer(
                    event, number, spoken.end_sample, spoken.t0_s, spoken.t1_s, self.clock()
                )
                self._events.put_nowait(answer)
                self._report(answer)
                self._trace(answer, spoken.began_s)
                if not answer.is_last:
                    self._revisable[number] = answer
            if isinstance(event, m.Revised) and number in self._revisable:
                answer = self._revisable.pop(number).revised(event, self.clock())
                self._events.put_nowait(Revision(answer))
            if isinstance(event, m.Ready):
                self.traces.session = event.session
                self._tell(self._reporter.connected(event, self._microphone))

    @property
    def _microphone(self) -> str:
        return self.source.name if self.live else "recording"

    def _report(self, answer: Answer) -> None:
        """What only this side knows of an answer."""
        if isinstance(answer.message, m.Error):
            return
        totals = Totals(self.captured_samples, self._sent_samples, self.source.overruns)
        self._tell(
            self._reporter.answered(answer.utterance, answer.timings_ms, self._microphone, totals)
        )

    def _trace(self, answer: Answer, began_s: float) -> None:
        laps = (
            Lap("capture", min(began_s, answer.t0_s), answer.t0_s),
            Lap("endpoint", answer.t0_s, answer.t1_s),
            Lap("answer", answer.t1_s, answer.t3_s),
        )
        error = answer.message.code if isinstance(answer.message, m.Error) else ""
        self.traces.answered(answer.utterance, laps, error)

    def _tell(self, report: m.Report | None) -> None:
        if report is not None:
            self.connection.say(report)
