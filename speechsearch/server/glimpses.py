"""Text and hits while a person still speaks, at a cadence that yields to load."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from speechsearch.asr.batcher import Priority
from speechsearch.asr.stable import StablePrefix
from speechsearch.clock import Stopwatch
from speechsearch.errors import SpeechsearchError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Pipeline
from speechsearch.server.answers import Answers, Work
from speechsearch.types import LogProbs, Result, Utterance, ms_to_samples
from speechsearch.wire import messages as m
from speechsearch.wire.server_session import ServerSession

FIRST_SAMPLES = ms_to_samples(560)
"""Pre-roll and about a syllable: less holds no word"""
EVERY_SAMPLES = ms_to_samples(224)
"""At no load; two glimpses that agree make a word stable"""
SLOWER_BY_LOAD = 8.0
"""A model busy all the time would glimpse so many times more seldom, besides"""
MOST_LOAD = 0.6
"""Beyond, answers need the model: nothing is glimpsed"""


class Glimpses:
    """Of one session; looks at the utterance that is open as it grows."""

    def __init__(
        self,
        answers: Answers,
        metrics: Metrics,
        say: Callable[[m.Message], Awaitable[None]],
        pipeline: Callable[[], Pipeline],
    ) -> None:
        """``pipeline``: who hears the utterance that is open now."""
        self._answers = answers
        self._pipeline = pipeline
        self._metrics = metrics
        self._say = say
        self._utterance = 0
        self._due = 0
        self._task: asyncio.Task[None] | None = None
        self._prefix = StablePrefix()
        self._listening = pipeline().model.listen()
        self._seq = 0

    def grew(self, session: ServerSession) -> None:
        """More sound came; perhaps it is time to look."""
        number, until = session.progress
        if number != self._utterance:
            self._begin(number)
        if until < self._due or (self._task and not self._task.done()):
            return
        open_utterance = session.open_utterance
        if open_utterance is None:
            return
        lead = open_utterance.lead_samples
        first = open_utterance.start_sample + lead
        load = self._answers.admission.load
        if until < first + FIRST_SAMPLES or load > MOST_LOAD:
            return
        self._due = until + round(EVERY_SAMPLES * (1 + SLOWER_BY_LOAD * load))
        sound = Utterance(number, open_utterance.samples[lead:], first)
        self._task = asyncio.create_task(self._look(sound))

    async def show(self, sound: Utterance, heard: Result, until: int) -> None:
        """Tell the client what was heard of the utterance that is open, up to a position."""
        if sound.number != self._utterance or not heard.text:
            return
        transcript = self._prefix.update(heard.text.split())
        self._seq += 1
        self._metrics.glimpsed("shown")
        await self._say(
            m.Partial(
                utterance=sound.number,
                seq=self._seq,
                stable=" ".join(transcript.stable),
                text=transcript.text,
                audio_end_sample=until,
                hits=heard.hits,
            )
        )

    def end(self) -> None:
        """The utterance is over: nothing more is shown of it."""
        self._begin(0)

    def _begin(self, number: int) -> None:
        self._utterance, self._due, self._seq = number, 0, 0
        self._prefix = StablePrefix()
        self._listening = self._pipeline().model.listen()

    async def _look(self, sound: Utterance) -> None:
        pipeline = self._pipeline()

        def conclude(log_probs: LogProbs, watch: Stopwatch) -> Result:
            return pipeline.read(sound, log_probs, watch, inside=False)

        try:
            work = Work(sound.samples, conclude, pipeline.model, self._listening.log_probs)
            heard = await self._answers.submit(work, Priority.PARTIAL, self).outcome
        except SpeechsearchError:
            heard = None
        if heard is None:
            self._metrics.glimpsed("dropped")
        else:
            await self.show(sound, heard, sound.end_sample)
