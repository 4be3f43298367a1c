"""One utterance on its way through the second ear: from the pause to the client."""

from __future__ import annotations

import asyncio
import logging

from speechsearch.asr.batcher import Priority
from speechsearch.clock import Clock, Lap, monotonic_s
from speechsearch.errors import SpeechsearchError
from speechsearch.pipeline import Answered, Heard, Revision
from speechsearch.server.answers import Answers, Work
from speechsearch.server.revising import Revising
from speechsearch.server.second_pass import SecondPass
from speechsearch.types import Result
from speechsearch.wire import messages as m


class Rehearing:
    """Begins at once to hear again what ``answered`` rests on; ``priority``: of what follows.

    What is no speculation (``Priority.PAUSE``) waits for the ear however long that takes.
    """

    def __init__(
        self,
        second: SecondPass,
        answers: Answers,
        answered: Answered,
        heard: Heard,
        priority: Priority,
    ) -> None:
        self._second = second
        self._answers = answers
        self._answered = answered
        self._heard = heard
        self._priority = priority
        self._revising = Revising()
        self._began_s = monotonic_s()
        self._ended_s: float | None = None
        self._said: asyncio.Future[m.Revised | None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hear())

    @property
    def promised(self) -> bool:
        """Whether a revision is to follow the answer."""
        return self._revising.promised

    @property
    def outcome(self) -> str:
        """What came of it; empty while it is not over."""
        return self._revising.outcome

    @property
    def lap(self) -> Lap:
        """How long the ear was at it, on the monotonic clock."""
        return Lap("second pass", self._began_s, self._ended_s or monotonic_s())

    async def done(self) -> None:
        """Return once the second ear is done, or nobody waits for it any more."""
        await asyncio.wait([self._task])

    def answer(self, first: Result) -> Result:
        """The utterance is answered now: with what?"""
        return self._revising.answer(first)

    def discard(self, why: str = "discarded") -> None:
        """Speech went on, or it is too late."""
        self._say(self._revising.discard(why))
        self._task.cancel()

    async def revised(self, end_of_speech_s: float, clock: Clock) -> m.Revised | None:
        """What follows an answer that promised it, in time or not at all."""
        left_s = end_of_speech_s + self._answers.revise_within_ms / 1000 - clock()
        await asyncio.wait([self._said], timeout=max(0.0, left_s))
        if not self._said.done():
            self.discard("late")
        return self._said.result()

    async def _hear(self) -> None:
        revision = Revision(None, "failed")
        try:
            revision = await self._revise()
        except SpeechsearchError:
            pass  # too busy: the first answer stands
        except Exception:
            logging.exception("a revision failed")
        self._ended_s = monotonic_s()
        self._say(self._revising.heard(revision))

    async def _revise(self) -> Revision:
        patient = self._priority is not Priority.PAUSE
        outcome = self._second.submit(self._heard.samples, patient=patient)
        try:
            readings = await outcome
        except asyncio.CancelledError:
            self._second.withdraw(outcome)
            raise
        if readings is None:
            return Revision(None, "dropped")
        answered, heard, ear = self._answered, self._heard, self._second.name
        pipeline = heard.pipeline
        work = Work(
            heard.samples,
            lambda log_probs, watch: pipeline.revise(answered, log_probs, readings, ear, watch),
            pipeline.model,
            lambda _: heard.log_probs,
        )
        return await self._answers.submit(work, self._priority, self).outcome or Revision(
            None, "dropped"
        )

    def _say(self, message: m.Revised | None) -> None:
        if message is not None and not self._said.done():
            self._said.set_result(message)
