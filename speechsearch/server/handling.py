"""What the events of a session ask for: answers, searches, what the client tells of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace

from speechsearch.clock import monotonic_s
from speechsearch.errors import SpeechsearchError
from speechsearch.monitoring import seen
from speechsearch.monitoring.metrics import Metrics
from speechsearch.monitoring.seen import Turn
from speechsearch.monitoring.watch import Watching
from speechsearch.pipeline import Answered
from speechsearch.server.answers import Answers
from speechsearch.server.observing import dated, heard, turn_of
from speechsearch.server.rehearing import Rehearing
from speechsearch.server.replies import answer_message, error_message
from speechsearch.server.sessions import Held
from speechsearch.wire import messages as m
from speechsearch.wire.events import Asked, Event, Paused, Reply, Resumed, UtteranceEnded, Withdrawn


@dataclass(slots=True, eq=False)
class _Outcome:
    """What became of an utterance."""

    message: m.Final | m.Nothing | m.Error
    turn: Turn
    wait_ms: float = 0.0
    answered: Answered | None = None
    rehearing: Rehearing | None = None


class Handler:
    """For all sessions; what takes long it does in tasks of its own."""

    def __init__(self, answers: Answers, metrics: Metrics, watch: Watching) -> None:
        self._answers = answers
        self._metrics = metrics
        self._watch = watch
        self._tasks: set[asyncio.Task[None]] = set()

    async def act(self, held: Held, event: Event) -> None:
        """Do what ``event`` asks for."""
        match event:
            case Reply(message):
                await held.send(message)
            case Paused():
                held.conversation.pause(event)
                if held.seat:
                    held.seat.paused(event)
            case Resumed():
                held.pauses += 1
                held.conversation.resume(event)
            case Withdrawn():
                held.conversation.withdraw()
            case UtteranceEnded():
                answering, turn = held.conversation.end(event), turn_of(held, event)
                held.pauses = 0
                self._spawn(self._answer(held, event, answering, turn))
            case Asked(m.Search() as query):
                self._spawn(self._search(held, query))
            case Asked(m.Feedback() as feedback):
                self._told(held, feedback)
            case Asked(m.Report() as report):
                self._watch.put(seen.Reported(held.session.id, report))

    def refuse(
        self, code: str, held: Held | None = None, utterance: int = 0, turn: Turn | None = None
    ) -> None:
        """Count an error that a client is told."""
        self._metrics.refused(code)
        session = held.session.id if held else ""
        self._watch.put(seen.Failed(code, session, utterance, turn and dated(turn)))

    def _told(self, held: Held, feedback: m.Feedback) -> None:
        if held.automated:
            held.automated.told(feedback)
        if feedback.action == "offered":
            return
        self._metrics.told(feedback.action)
        if feedback.action == "click":
            held.conversation.act(feedback.utterance)
        if held.seat:
            held.seat.told(feedback)
        number, action = feedback.utterance, feedback.action
        self._watch.put(seen.Acted(held.session.id, number, action, feedback.hit))

    async def _answer(
        self, held: Held, ended: UtteranceEnded, answering: asyncio.Task[Answered], turn: Turn
    ) -> None:
        outcome = await self._outcome(held, ended, answering, turn)
        answered, rehearing = outcome.answered, outcome.rehearing
        held.session.answered(outcome.message, ended.utterance.number)
        await held.send(outcome.message)
        if held.seat:
            held.seat.answered(ended, answered)
        if held.listening:
            await held.listening.take(held.listening.stream.go_on)
        held.settle()
        if answered:
            self._watch.put(heard(held, ended, answered, outcome.wait_ms, outcome.turn))
        if rehearing:
            revisions = held.conversation.rehearings
            revised = await revisions.revised(rehearing, ended, turn.ended_s)
            if revised:
                held.session.revised(revised)
                await held.send(revised)

    async def _outcome(
        self, held: Held, ended: UtteranceEnded, answering: asyncio.Task[Answered], turn: Turn
    ) -> _Outcome:
        """The answer, or what the client is told where there is none."""
        number, answered = ended.utterance.number, None
        try:
            answered = await answering
            return await self._answered(held, ended, answered, turn)
        except SpeechsearchError as error:
            told = error
        except Exception:
            logging.exception("utterance %d of session %s failed", number, held.session.id)
            told = SpeechsearchError(
                "the server failed on this utterance", hint="Say it again; its log has the cause"
            )
        self.refuse(told.code, held, number, turn)
        return _Outcome(error_message(told, number), turn, answered=answered)

    async def _answered(
        self, held: Held, ended: UtteranceEnded, answered: Answered, turn: Turn
    ) -> _Outcome:
        result, rehearing = await held.conversation.rehearings.settle(answered)
        wait_ms = (monotonic_s() - turn.ended_s) * 1000
        arm = held.seat.arm_of(answered).value if held.seat else m.CHAMPION
        answer = answer_message(result, ended, wait_ms, revising=bool(rehearing), arm=arm)
        if held.automated and isinstance(answer, m.Final):
            answer = held.automated.answered(answer)
        self._metrics.stage("wait", wait_ms)
        self._metrics.answered(answered.utterance, result)
        return _Outcome(answer, replace(turn, arm=arm), wait_ms, answered, rehearing)

    async def _search(self, held: Held, query: m.Search) -> None:
        hits, timings_ms = await self._answers.search(query.query, query.limit)
        await held.send(
            m.Results(id=query.id, query=query.query, hits=tuple(hits), timings_ms=timings_ms)
        )
        words, ms = len(query.query.split()), sum(timings_ms.values())
        self._watch.put(seen.Queried(held.session.id, words, len(hits), ms))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
