"""One session's turns: decodes at the pause, answers at the endpoint, joins what was cut in two.

pause ─► speculative answer ─► how long the pause may last ─► endpoint ─► the answer is there
resume ─► the speculative answer is discarded, its cost counted
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

from speechsearch.asr.batcher import Priority
from speechsearch.clock import Clock, monotonic_s
from speechsearch.errors import DeadlineExceeded, Overloaded, SpeechsearchError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.server.answers import Answers, Ticket, answering
from speechsearch.server.glimpses import Glimpses
from speechsearch.server.rehearing import Ahead, Rehearing
from speechsearch.server.rehearings import Rehearings
from speechsearch.turns import Habit, allow
from speechsearch.types import Chunk, Utterance, samples_to_ms
from speechsearch.wire import messages as m
from speechsearch.wire.events import Paused, Resumed, UtteranceEnded
from speechsearch.wire.server_session import ServerSession

Say = Callable[[m.Message], Awaitable[None]]
Latest = asyncio.Future[Answered | None]


class Seated(Protocol):
    """Which version answers a session; see ``rollout/router.py``."""

    def begin(self, number: int) -> Pipeline:
        """Who hears an utterance that begins now, to its end."""
        ...

    def failed(self, pipeline: Pipeline, error: Exception) -> None:
        """An utterance had to be answered by another."""
        ...


@dataclass(slots=True, eq=False)
class _Speculation:
    """The answer that stands if the pause since ``sample`` is the end."""

    utterance: Utterance
    sample: int
    began_s: float
    priority: Priority
    pipeline: Pipeline
    ticket: Ticket[Answered] | None = None
    task: asyncio.Task[Answered | None] = field(init=False)
    ahead: Ahead | None = None
    rehearing: Rehearing | None = None
    dropped: bool = False

    def leave(self) -> None:
        """Nothing of it is shown."""
        if self.rehearing:
            self.rehearing.discard()
        elif self.ahead:
            self.ahead.leave()


class Conversation:
    """Told of everything that happens in a session, in order; answers its utterances."""

    at_pause: ClassVar = Priority.PAUSE
    at_end: ClassVar = Priority.ANSWER

    def __init__(
        self,
        answers: Answers,
        metrics: Metrics,
        say: Say,
        *,
        hello: m.Hello | None = None,
        seat: Seated | None = None,
    ) -> None:
        """Without a ``seat`` whoever answers by default hears it."""
        hello = hello or m.Hello(protocol=m.PROTOCOL)
        self._patient = hello.patient
        priority = self.at_end if hello.patient else Priority.PAUSE
        self.rehearings = Rehearings(answers, metrics, priority, patient=hello.patient)
        self._answers = answers
        self._seat = seat
        self._pipeline = answers.pipeline
        self._number = 0
        self._metrics = metrics
        self._say = say
        self._clock: Clock = monotonic_s
        self._habit = Habit()
        self._speculation: _Speculation | None = None
        self._latest: Latest | None = None
        self._acted: set[int] = set()
        self.began_s = 0.0
        """When the first sound of the utterance being spoken came"""
        self._glimpses = Glimpses(answers, metrics, say, self._hearer) if hello.partials else None

    def hear(self, session: ServerSession) -> None:
        """More sound came."""
        number, _ = session.progress
        if number:
            self._hears(number)
        if self._glimpses and self._speculation is None:
            self._glimpses.grew(session)

    def pause(self, event: Paused) -> None:
        """Begin to answer what may have been all."""
        self._discard()
        pipeline = self._hears(event.utterance.number)
        speculation = _Speculation(
            event.utterance, event.sample, self._clock(), self.at_pause, pipeline
        )
        speculation.task = asyncio.create_task(self._speculate(speculation, self._latest))
        speculation.ahead = self._hear_ahead(event, pipeline)
        self._speculation = speculation

    def resume(self, event: Resumed) -> None:
        """It was not all."""
        self._habit.add(event.pause_ms)
        self._discard()

    def withdraw(self) -> None:
        """The utterance wants no answer."""
        self._discard()

    def act(self, utterance: int) -> None:
        """The person took an answer up: what is said next is a new request."""
        self._acted.add(utterance)

    def end(self, ended: UtteranceEnded) -> asyncio.Task[Answered]:
        """The answer to an utterance that is complete; SpeechsearchError where there is none."""
        speculation, self._speculation = self._speculation, None
        if speculation and speculation.sample != ended.end_sample:
            self._drop(speculation)
            speculation = None
        if self._glimpses:
            self._glimpses.end()
        before, self._latest = self._latest, asyncio.get_running_loop().create_future()
        pipeline = self._hears(ended.utterance.number)
        return asyncio.create_task(self._answer(ended, speculation, before, self._latest, pipeline))

    def _hears(self, number: int) -> Pipeline:
        """Who hears an utterance: chosen when it begins."""
        if number != self._number:
            self._number, self.began_s = number, self._clock()
            self._pipeline = self._seat.begin(number) if self._seat else self._answers.pipeline
        return self._pipeline

    def _hearer(self) -> Pipeline:
        return self._pipeline

    async def _have_answered(self, spoken: Spoken, pipeline: Pipeline) -> Answered | None:
        """By ``pipeline``, or where that fails and is not who answers by default, by who is."""
        try:
            return await self._answers.submit(
                answering(spoken, pipeline), self.at_end, self
            ).outcome
        except Exception as error:
            refused = isinstance(error, (Overloaded, DeadlineExceeded))
            if refused or self._seat is None or pipeline is self._answers.pipeline:
                raise
            self._seat.failed(pipeline, error)
        work = answering(spoken, self._answers.pipeline)
        return await self._answers.submit(work, self.at_end, self).outcome

    async def _answer(
        self,
        ended: UtteranceEnded,
        speculation: _Speculation | None,
        before: Latest | None,
        latest: Latest,
        pipeline: Pipeline,
    ) -> Answered:
        answered = None
        try:
            if speculation:
                answered = await self._adopt(speculation)
            if answered is None:
                self._metrics.speculated("none")
                spoken = await self._spoken(ended.utterance, ended.end_sample, before)
                answered = await self._have_answered(spoken, pipeline)
                if answered is None:
                    raise SpeechsearchError("the server is ending", hint="Connect again")
            answered = _with_all_sound(answered, ended.utterance, before)
            self.rehearings.keep(speculation.rehearing if speculation else None, answered)
        finally:
            latest.set_result(answered)
        if answered.result.continues is not None and before is not None:
            self._learn_from(before.result(), ended.utterance)
        return answered

    def _hear_ahead(self, event: Paused, pipeline: Pipeline) -> Ahead | None:
        """Begin to hear again what the answer to this pause will most likely rest on."""
        latest = self._latest
        if latest and not latest.done():
            return None
        earlier = latest.result() if latest else None
        if earlier and not self._may_continue(earlier, event.utterance):
            earlier = None
        spoken = Spoken(event.utterance, event.sample, earlier)
        return self.rehearings.ahead(
            lambda: Chunk(pipeline.sound_of(spoken), spoken.whole.start_sample)
        )

    async def _adopt(self, speculation: _Speculation) -> Answered | None:
        """The pause was the end: take what was begun then; None where it came to nothing."""
        if speculation.task.done():
            saved_ms = (self._clock() - speculation.began_s) * 1000
            answered = speculation.task.result()
            if answered:
                self._metrics.speculated("hit")
                self._metrics.saved(min(saved_ms, sum(answered.result.timings_ms.values())))
            return answered
        speculation.priority = self.at_end
        if speculation.ticket and self.at_end is not self.at_pause:
            self._answers.promote(speculation.ticket)
        answered = await speculation.task
        if answered:
            self._metrics.speculated("late")
        return answered

    async def _speculate(self, speculation: _Speculation, before: Latest | None) -> Answered | None:
        """Answer, and say how long the pause may last; None where that was not to be."""
        await self._allow(speculation, None, settled=False)
        answered = await self._try(speculation, before)
        if not speculation.dropped and not self._patient:
            if answered:
                speculation.rehearing = self.rehearings.begin(answered, speculation.ahead)
            elif speculation.ahead:
                speculation.ahead.leave()
        if speculation is self._speculation:
            await self._allow(speculation, answered, settled=True)
            if answered and self._glimpses and answered.result.continues is None:
                await self._glimpses.show(
                    answered.utterance, answered.result, speculation.utterance.end_sample
                )
        return answered

    async def _allow(
        self, speculation: _Speculation, answered: Answered | None, *, settled: bool
    ) -> None:
        """Say how long the pause may last by what was heard, or at most, before that is known: who
        waits for words that are late does not wait longer than for any words.
        """
        options = speculation.pipeline.options.turns
        allowance = allow(answered.result if answered else None, self._habit, options)
        if settled:
            self._metrics.allowed(allowance.reason)
        await self._say(
            m.Hangover(
                utterance=speculation.utterance.number,
                sample=speculation.sample,
                hangover_ms=allowance.hangover_ms,
                reason=allowance.reason,
                settled=settled,
            )
        )

    async def _try(self, speculation: _Speculation, before: Latest | None) -> Answered | None:
        try:
            spoken = await self._spoken(speculation.utterance, speculation.sample, before)
            work = answering(spoken, speculation.pipeline)
            ticket = self._answers.submit(work, speculation.priority, self)
            speculation.ticket = ticket
            return await ticket.outcome
        except SpeechsearchError:
            return None  # the endpoint asks again, and says what is wrong
        except Exception:
            logging.exception("a speculative answer failed")
            return None

    async def _spoken(self, utterance: Utterance, end_sample: int, before: Latest | None) -> Spoken:
        """The utterance with the answer that it may go on with, once that is there."""
        earlier = await asyncio.shield(before) if before else None
        if earlier is None or not self._may_continue(earlier, utterance):
            return Spoken(utterance, end_sample)
        return Spoken(utterance, end_sample, earlier)

    def _may_continue(self, earlier: Answered, utterance: Utterance) -> bool:
        said, options = earlier.utterance, self._pipeline.options.turns
        joined_ms = said.duration_ms + utterance.duration_ms
        heard = bool(earlier.result.text) or said.duration_ms <= options.most_unheard_ms
        return (
            heard
            and said.end_sample == utterance.start_sample
            and joined_ms <= options.most_joined_ms
            and said.number not in self._acted
        )

    def _learn_from(self, cut: Answered | None, utterance: Utterance) -> None:
        """A pause that cut a sentence is one of the speaker's pauses too."""
        if cut and cut.result.hypotheses and cut.result.hypotheses[0].words:
            onset = utterance.start_sample + utterance.lead_samples
            spoken_until_s = cut.result.hypotheses[0].words[-1].end_s
            self._habit.add(max(0.0, samples_to_ms(onset) - spoken_until_s * 1000))

    def _discard(self) -> None:
        speculation, self._speculation = self._speculation, None
        if speculation:
            self._drop(speculation)

    def _drop(self, speculation: _Speculation) -> None:
        ticket, speculation.dropped = speculation.ticket, True
        speculation.leave()
        if ticket is None:
            speculation.task.cancel()
        elif not self._answers.withdraw(ticket):
            speculation.task.add_done_callback(lambda _: self._metrics.wasted(ticket.cpu_s))


class RecordedConversation(Conversation):
    """That of a recording: it gives way to all who speak now."""

    at_pause = at_end = Priority.RECORDING


def _with_all_sound(answered: Answered, ended: Utterance, before: Latest | None) -> Answered:
    """An answer given at the pause has not seen the silence after it, which may lead to more."""
    earlier = before.result() if before and answered.result.continues is not None else None
    spoken = Spoken(ended, ended.end_sample, earlier)
    return replace(answered, utterance=spoken.whole if earlier else spoken.alone)
