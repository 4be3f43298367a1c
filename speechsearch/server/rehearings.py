"""What a second ear goes over in one session: from the pause on, until it is said or too late.

pause ─► ahead ─► begin ─► the pause was the end: keep ─► settle (the answer) ─► revised
                     └───► speech goes on: nothing of it is shown
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from speechsearch.asr.batcher import Priority
from speechsearch.asr.settled import Settling
from speechsearch.clock import Clock, monotonic_s
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Answered
from speechsearch.server.answers import Answers
from speechsearch.server.rehearing import Ahead, Rehearing
from speechsearch.server.second_pass import Outcome
from speechsearch.types import Chunk, Result, samples_to_ms
from speechsearch.wire import messages as m
from speechsearch.wire.events import UtteranceEnded


class Rehearings:
    """Those of one session; where there is no second ear, every answer stands as it is."""

    def __init__(
        self, answers: Answers, metrics: Metrics, priority: Priority, *, patient: bool
    ) -> None:
        """``priority``: of the judgements; ``patient``: each answer waits for its last text."""
        self._answers = answers
        self._metrics = metrics
        self._priority = priority
        self._patient = patient
        self._settling: Settling[Outcome] | None = None if patient else Settling(answers.settling)
        self._kept: dict[int, Rehearing] = {}
        self._turn = asyncio.Lock()
        self.over: Callable[[int, Rehearing], None] | None = None
        """Told when the ear is done with an answered utterance"""

    def ahead(self, sound: Callable[[], Chunk]) -> Ahead | None:
        """Have the sound up to a pause heard, beside the first ear; not where the ear is patient.

        ``sound`` is only made where it is heard.
        """
        second = self._answers.second
        if second is None or self._settling is None:
            return None
        return Ahead(second, sound(), self._settling)

    def begin(self, answered: Answered, ahead: Ahead | None) -> Rehearing | None:
        """Go over an answer; ``ahead`` is its sound on its way, if it turned out to be that."""
        second, heard = self._answers.second, answered.to_rehear
        start = answered.utterance.start_sample
        if ahead and (heard is None or ahead.start_sample != start):
            ahead.leave()
            ahead = None
        if second is None or heard is None:
            return None
        ahead = ahead or Ahead(second, Chunk(heard.samples, start), self._settling)
        return Rehearing(second, self._answers, answered, self._priority, ahead)

    def keep(self, rehearing: Rehearing | None, answered: Answered) -> None:
        """The answer is final: go on hearing it again, and no longer what it takes in."""
        result = answered.result
        rehearing = rehearing or self.begin(answered, None)
        if rehearing:
            self._kept[result.utterance] = rehearing
        if result.continues in self._kept and not self._patient:
            self._kept[result.continues].discard()

    async def settle(self, answered: Answered) -> tuple[Result, Rehearing | None]:
        """What an answer says to the client, and where a revision of it is promised, its source."""
        first = answered.result
        rehearing = self._kept.get(first.utterance)
        if self._patient:
            async with self._turn:  # answers stay in order, whatever the ear does with each
                await (rehearing.done() if rehearing else asyncio.sleep(0))
        if rehearing is None:
            return first, None
        result = rehearing.answer(first)
        if rehearing.promised:
            return result, rehearing
        self._end(first.utterance)
        return result, None

    async def revised(
        self,
        rehearing: Rehearing,
        ended: UtteranceEnded,
        at_s: float,
        clock: Clock = monotonic_s,
    ) -> m.Revised | None:
        """The revision that was promised, or what stands where the ear is too late.

        ``at_s``: when the endpoint was known here, on ``clock``.
        """
        after_ms = samples_to_ms(ended.utterance.end_sample - ended.end_sample)
        message = await rehearing.revised(at_s - after_ms / 1000, clock)
        self._end(ended.utterance.number)
        return message

    def _end(self, utterance: int) -> None:
        rehearing = self._kept.pop(utterance, None)
        if rehearing:
            self._metrics.revised(rehearing.outcome)
            if self.over:
                self.over(utterance, rehearing)
