"""One utterance on its way through the second ear: from the pause to the client.

pause ─► the rest ─► draft, with what was heard while the person spoke ─► answer ─► the whole
   └───► the whole, where nothing of it was heard yet
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from speechsearch.asr.batcher import Priority
from speechsearch.asr.second_ear import Reheard
from speechsearch.asr.settled import Part, Settling
from speechsearch.clock import Clock, Lap, Stopwatch, monotonic_s
from speechsearch.errors import SpeechsearchError
from speechsearch.pipeline import Answered, Heard, Revision
from speechsearch.server.answers import Answers, Work
from speechsearch.server.revising import LATE, Revising
from speechsearch.server.second_pass import Outcome, SecondPass
from speechsearch.types import LogProbs, Result
from speechsearch.wire import messages as m


class Rehearing:
    """Begins at once to hear again what ``answered`` rests on; ``priority``: of what follows.

    With the session's ``settling`` in parts first; without it only as a whole, and it waits for
    the ear however long that takes.
    """

    def __init__(
        self,
        second: SecondPass,
        answers: Answers,
        answered: Answered,
        priority: Priority,
        settling: Settling[Outcome] | None,
    ) -> None:
        heard = answered.to_rehear
        if heard is None:
            raise ValueError("there are no words to be heard again")
        self._second = second
        self._answers = answers
        self._answered = answered
        self._heard: Heard = heard
        self._priority = priority
        self._patient = settling is None
        self._parts = self._begin(settling or Settling())
        self._revising = Revising()
        self._is_answered = asyncio.Event()
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
        self._is_answered.set()
        return self._revising.answer(first)

    def discard(self, why: str = "discarded") -> None:
        """Speech went on, or it is too late; what is settled by that is heard all the same."""
        self._say(self._revising.discard(why))
        self._task.cancel()
        for outcome in self._wanted_here:
            self._second.withdraw(outcome)
        self._second.defer(self._parts[-1].heard)

    async def revised(self, end_of_speech_s: float, clock: Clock) -> m.Revised | None:
        """What follows an answer that promised it, in time or not at all."""
        left_s = end_of_speech_s + self._answers.revise_within_ms / 1000 - clock()
        await asyncio.wait([self._said], timeout=max(0.0, left_s))
        if not self._said.done():
            self.discard(LATE)
        return self._said.result()

    def _begin(self, settling: Settling[Outcome]) -> tuple[Part[Outcome], ...]:
        """Have the sound heard that nobody heard before; all of it, in parts."""
        start = self._answered.utterance.start_sample

        def hear(first: int, end: int) -> Outcome:
            sound = self._heard.samples[first - start : end - start]
            return self._second.submit(sound, patient=self._patient)

        parts = settling.pause(start, start + len(self._heard.samples), hear)
        for part in parts[:-1]:
            self._second.hurry(part.heard)
        kept = settling.settles(parts[-1]) and not self._patient
        self._wanted_here = [] if kept else [parts[-1].heard]
        return parts

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
        whole = self._parts
        if len(self._parts) > 1:
            self._revising.draft(await self._judged(self._parts))
            await self._is_answered.wait()  # at a pause that does not last, that is enough
            outcome = self._second.submit(self._heard.samples)
            self._wanted_here.append(outcome)
            whole = (Part(self._parts[0].start_sample, self._parts[-1].end_sample, outcome),)
        return await self._judged(whole)

    async def _judged(self, parts: tuple[Part[Outcome], ...]) -> Revision:
        """What they say, once all of them are heard."""
        heard: list[Part[Sequence[Reheard]]] = []
        for part in parts:
            readings = await asyncio.shield(part.heard)
            if readings is None:
                return Revision(None, "dropped")
            heard.append(Part(part.start_sample, part.end_sample, readings))
        answered, ear, pipeline = self._answered, self._second.name, self._heard.pipeline

        def conclude(log_probs: LogProbs, watch: Stopwatch) -> Revision:
            return pipeline.revise(answered, log_probs, heard, ear, watch)

        work = Work(self._heard.samples, conclude, pipeline.model, lambda _: self._heard.log_probs)
        return await self._answers.submit(work, self._priority, self).outcome or Revision(
            None, "dropped"
        )

    def _say(self, message: m.Revised | None) -> None:
        if message is not None and not self._said.done():
            self._said.set_result(message)
