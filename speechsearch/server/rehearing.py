"""One utterance on its way through the second ear: from the pause to the client.

pause ─► the rest ─► draft, with what was heard while the person spoke ─► answer ─► the whole
   └───► the whole, where nothing of it was heard yet

The ear begins at the pause, beside the first ear: it takes longer.
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
from speechsearch.types import Chunk, LogProbs, Result
from speechsearch.wire import messages as m


class Ahead:
    """The sound up to a pause, on its way to the ear before anybody knows what it says.

    Only what nobody heard before is heard now: the rest behind the parts that are ``settling``.
    """

    def __init__(
        self, second: SecondPass, sound: Chunk, settling: Settling[Outcome] | None
    ) -> None:
        """Without ``settling`` it is heard as a whole, when nobody else waits."""
        self.start_sample, self.end_sample = sound.start_sample, sound.end_sample
        self._second = second
        patient = settling is None
        settling = settling or Settling()

        def hear(first: int, end: int) -> Outcome:
            piece = sound.samples[first - sound.start_sample : end - sound.start_sample]
            return second.submit(piece, patient=patient)

        self.parts = settling.pause(sound.start_sample, sound.end_sample, hear)
        for part in self.parts[:-1]:
            second.hurry(part.heard)
        self._settles = settling.settles(self.parts[-1]) and not patient

    def leave(self) -> None:
        """Speech went on, or there was none: what may be settled by that can wait."""
        if self._settles:
            self._second.defer(self.parts[-1].heard)
        else:
            self._second.withdraw(self.parts[-1].heard)


class Rehearing:
    """Goes over what ``answered`` rests on; ``priority``: of the judgements.

    ``ahead`` is its sound, on its way. In several parts it is heard once more, as a whole.
    """

    def __init__(
        self,
        second: SecondPass,
        answers: Answers,
        answered: Answered,
        priority: Priority,
        ahead: Ahead,
    ) -> None:
        heard = answered.to_rehear
        if heard is None:
            raise ValueError("there are no words to be heard again")
        self._second = second
        self._answers = answers
        self._answered = answered
        self._heard: Heard = heard
        self._priority = priority
        self._ahead = ahead
        self._whole: Outcome | None = None
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
        self._ahead.leave()
        if self._whole:
            self._second.withdraw(self._whole)

    async def revised(self, end_of_speech_s: float, clock: Clock) -> m.Revised | None:
        """What follows an answer that promised it, in time or not at all."""
        left_s = end_of_speech_s + self._answers.revise_within_ms / 1000 - clock()
        await asyncio.wait([self._said], timeout=max(0.0, left_s))
        if not self._said.done():
            self.discard(LATE)
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
        parts = self._ahead.parts
        if len(parts) == 1:
            return await self._judged(parts)
        self._revising.draft(await self._judged(parts))
        await self._is_answered.wait()  # at a pause that does not last, that is enough
        self._whole = self._second.submit(self._heard.samples)
        start, end = self._ahead.start_sample, self._ahead.end_sample
        return await self._judged((Part(start, end, self._whole),))

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
