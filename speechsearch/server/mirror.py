"""The challenger hears what the champion has answered, on capacity that is to spare.

answer sent ─► enough to spare? ─ no ─► dropped
                     └ yes ─► waits behind all other work ─► heard, compared, shown to nobody
"""

from __future__ import annotations

from speechsearch.asr.batcher import Priority
from speechsearch.asr.wer import disagreement
from speechsearch.clock import Clock, monotonic_s
from speechsearch.pipeline import Pipeline, Spoken
from speechsearch.rollout.comparison import Compared, shared
from speechsearch.server.admission import Admission
from speechsearch.server.answers import Answers, answering
from speechsearch.types import Result

MOST_BUSY = 0.5
"""Share of its time that the model may work for people; beyond, nothing is mirrored"""
MOST_WAITING = 4
HARMLESS_S = 0.1
"""So much longer an answer may wait unnoticed: its decode begins at the pause, 190 ms before the
endpoint"""
MOST_HARM = 0.02
"""Share of time that may go into what mirrored work takes beyond that"""


class Mirror:
    """Belongs to the event loop of ``answers``."""

    def __init__(self, answers: Answers, clock: Clock = monotonic_s) -> None:
        self._answers = answers
        self._clock = clock
        self._busy = Admission(clock=clock)
        self._not_before_s = 0.0
        self._waiting = 0
        self.mirrored = 0
        self.dropped = 0

    def watch(self, on: bool) -> None:
        """Measure how busy the model is; off where nothing is mirrored."""
        self._answers.watch = self._worked if on else None

    async def hear(self, pipeline: Pipeline, spoken: Spoken) -> Result | None:
        """What ``pipeline`` makes of it; None where it was dropped. Raises what it raises."""
        if self.starved:
            self.dropped += 1
            return None
        work = answering(spoken, pipeline)
        self._waiting += 1
        try:
            answered = await self._answers.submit(work, Priority.SHADOW, self).outcome
        finally:
            self._waiting -= 1
        if answered is None:
            self.dropped += 1
            return None
        self.mirrored += 1
        return answered.result

    @property
    def starved(self) -> bool:
        """Whether there is nothing to spare."""
        busy = self._busy.load > MOST_BUSY or self._waiting >= MOST_WAITING
        return busy or self._clock() < self._not_before_s

    def _worked(self, priority: Priority, seconds: float) -> None:
        if priority is Priority.SHADOW:
            harm_s = max(0.0, seconds - HARMLESS_S)
            self._not_before_s = max(self._not_before_s, self._clock()) + harm_s / MOST_HARM
        else:
            self._busy.worked(seconds)


def compare(champion: Result, challenger: Result) -> Compared:
    """The two answers to one utterance."""
    ids = [[hit.id for hit in result.hits] for result in (champion, challenger)]
    return Compared(
        utterances=1,
        words_differing=disagreement(champion.text, challenger.text),
        hits_shared=shared(*ids),
        top_1_changed=float(ids[0][:1] != ids[1][:1]),
        confidence_change=confidence(challenger) - confidence(champion),
        champion_ms=work_ms(champion),
        challenger_ms=work_ms(challenger),
    )


def confidence(result: Result) -> float:
    """Of the best reading; 0 where nothing was heard."""
    return result.hypotheses[0].confidence if result.hypotheses else 0.0


def work_ms(result: Result) -> float:
    """What an answer cost, without waiting for its turn."""
    return sum(ms for name, ms in result.timings_ms.items() if name != "queue")
