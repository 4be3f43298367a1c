"""The challenger hears what the champion has answered, on capacity that is to spare.

answer sent ─► enough to spare? ─ no ─► dropped
                     └ yes ─► waits behind all other work ─► heard, compared, shown to nobody
                                                   └ stopped when somebody needs the model

What was stopped tells one thing still: that its work takes longer than it was let work. So a
challenger too slow ever to end in a gap between people is known to be slow, not unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

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
"""Share of time for which people may wait longer than that for mirrored work to make way"""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What became of an utterance that the challenger was to hear too."""

    result: Result | None = None
    """None where it was stopped, or not begun"""
    worked_ms: float | None = None
    """What the work took, or had taken when it was stopped; None where it was not begun"""


NOT_MIRRORED = Mirrored()


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

    async def hear(self, pipeline: Pipeline, spoken: Spoken) -> Mirrored:
        """What ``pipeline`` makes of it. Raises what it raises."""
        if self.starved:
            self.dropped += 1
            return NOT_MIRRORED
        work = answering(spoken, pipeline)
        self._waiting += 1
        try:
            ticket = self._answers.submit(work, Priority.SHADOW, self)
            answered = await ticket.outcome
        finally:
            self._waiting -= 1
        if answered is None:
            self.dropped += 1
            stopped_s = ticket.stopped_after_s
            return Mirrored(worked_ms=None if stopped_s is None else stopped_s * 1000)
        self.mirrored += 1
        return Mirrored(answered.result, work_ms(answered.result))

    @property
    def starved(self) -> bool:
        """Whether there is nothing to spare."""
        busy = self._busy.load > MOST_BUSY or self._waiting >= MOST_WAITING
        return busy or self._clock() < self._not_before_s

    def _worked(self, priority: Priority, seconds: float, in_the_way_s: float) -> None:
        if priority is Priority.SHADOW:
            harm_s = max(0.0, in_the_way_s - HARMLESS_S)
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
