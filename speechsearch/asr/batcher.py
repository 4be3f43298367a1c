"""What the model hears next: a bounded queue of five priorities, pure and with a clock handed in.

Answers go before decodes at a pause, those before partial transcripts, those before recordings
that were sent in whole. Of one owner only the newest partial waits, and none that has become stale
is heard: under load partials thin out first, answers never do. An answer, or a decode at a pause,
stops a partial that was begun (``server/yielding.py``), never a recording; so no recording is begun
while somebody speaks, unless it has waited long. Shadows, which nobody waits for, have what is
left: none is begun while anything else waits, and one that grew old is not heard at all.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from speechsearch.errors import Overloaded

W = TypeVar("W")


class Priority(IntEnum):
    """Who goes first; lower is sooner."""

    ANSWER = 0
    PAUSE = 1
    """Speculative: the pause may be the end"""
    PARTIAL = 2
    RECORDING = 3
    """Of a recording that was sent in whole: nobody speaks and waits"""
    SHADOW = 4
    """For comparison: nobody ever sees what comes of it"""


UNSPOKEN = frozenset({Priority.RECORDING, Priority.SHADOW})
"""Work that is for nobody who speaks now"""


@dataclass(frozen=True, slots=True)
class BatcherOptions:
    """Bounds of the queue."""

    max_answers: int = 64
    """More are refused: their speakers would wait longer than anybody does"""
    max_pauses: int = 32
    """Beyond, the oldest is dropped: it is decoded at its endpoint instead"""
    max_partials: int = 32
    partial_age_s: float = 0.3
    """A partial that waited longer tells the speaker nothing new"""
    max_recordings: int = 32
    """Utterances of recordings; more are refused"""
    spared_s: float = 0.4
    """So long after the last work for somebody who speaks no recording is begun: they are glimpsed
    every 224 ms, and at their pause a model that is busy costs the delay of their answer"""
    recording_wait_s: float = 2.0
    """No utterance of a recording gives way longer"""
    max_shadows: int = 16
    """Beyond, the oldest is dropped"""
    shadow_spared_s: float = 0.1
    """So long after the last work for somebody who speaks no shadow is begun"""
    shadow_age_s: float = 10.0
    """A shadow that waited longer is dropped: there is no capacity to spare"""
    max_batch: int = 1
    """Equally long sounds heard at once; on two cores without a GPU one by one is as fast"""


@dataclass(slots=True, eq=False)
class Job(Generic[W]):
    """One sound to hear; the same object is what its owner promotes or withdraws."""

    work: W
    owner: Hashable
    priority: Priority
    length: int
    """Samples: only equal ones share a batch"""
    arrived_s: float = 0.0


@dataclass(slots=True)
class Batcher(Generic[W]):
    """Offer jobs, take batches; what it drops it hands back, so that nobody waits in vain."""

    options: BatcherOptions = field(default_factory=BatcherOptions)
    _waiting: dict[Priority, dict[Job[W], None]] = field(
        default_factory=lambda: {priority: {} for priority in Priority}
    )
    _spoken_s: float = -math.inf
    """When the last work came for somebody who speaks"""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def waiting(self, priority: Priority) -> int:
        """How many of a priority wait."""
        return len(self._waiting[priority])

    def offer(self, job: Job[W], now_s: float) -> list[Job[W]]:
        """Queue a job; the jobs that it displaces, which will not be heard.

        Raises Overloaded where too many answers, or utterances of recordings, wait already.
        """
        queue = self._waiting[job.priority]
        most = {
            Priority.ANSWER: self.options.max_answers,
            Priority.PAUSE: self.options.max_pauses,
            Priority.PARTIAL: self.options.max_partials,
            Priority.RECORDING: self.options.max_recordings,
            Priority.SHADOW: self.options.max_shadows,
        }[job.priority]
        if job.priority in (Priority.ANSWER, Priority.RECORDING) and len(queue) >= most:
            raise Overloaded(
                f"{len(queue)} utterances wait for the model already",
                hint="Speak again in a moment",
            )
        dropped = []
        if job.priority is Priority.PARTIAL:
            dropped = [other for other in queue if other.owner == job.owner]
        excess = len(queue) - len(dropped) + 1 - most
        dropped += [other for other in queue if other not in dropped][: max(0, excess)]
        for other in dropped:
            del queue[other]
        job.arrived_s = now_s
        if job.priority not in UNSPOKEN:
            self._spoken_s = now_s
        queue[job] = None
        return dropped

    def promote(self, job: Job[W]) -> None:
        """The pause was the end: the job is an answer now; nothing where it no longer waits."""
        if self.withdraw(job):
            job.priority = Priority.ANSWER
            self._waiting[Priority.ANSWER][job] = None

    def withdraw(self, job: Job[W]) -> bool:
        """Forget a job; whether it still waited."""
        queue = self._waiting[job.priority]
        waited = job in queue
        if waited:
            del queue[job]
        return waited

    def take(self, now_s: float) -> tuple[list[Job[W]], list[Job[W]]]:
        """The next batch, of equal length and priority (empty where nothing waits), and the
        partials and shadows that became too old to be heard.
        """
        stale = self._grown_old(Priority.PARTIAL, now_s - self.options.partial_age_s)
        stale += self._grown_old(Priority.SHADOW, now_s - self.options.shadow_age_s)
        for priority, queue in self._waiting.items():
            if queue and (priority not in UNSPOKEN or self.held_s(now_s) <= 0):
                first = next(iter(queue))
                alike = (job for job in queue if job.length == first.length)
                batch = [job for job, _ in zip(alike, range(self.options.max_batch), strict=False)]
                for job in batch:
                    del queue[job]
                return batch, stale
        return [], stale

    def held_s(self, now_s: float) -> float:
        """Seconds until the next recording, or where none waits the next shadow, may be begun;
        endless where neither waits.
        """
        first = next(iter(self._waiting[Priority.RECORDING]), None)
        if first is not None:
            until_s = self._spoken_s + self.options.spared_s
            return min(until_s, first.arrived_s + self.options.recording_wait_s) - now_s
        if self._waiting[Priority.SHADOW]:
            return self._spoken_s + self.options.shadow_spared_s - now_s
        return math.inf

    def _grown_old(self, priority: Priority, oldest_s: float) -> list[Job[W]]:
        queue = self._waiting[priority]
        old = [job for job in queue if job.arrived_s < oldest_s]
        for job in old:
            del queue[job]
        return old

    def clear(self) -> list[Job[W]]:
        """Empty the queue; what waited."""
        left = [job for queue in self._waiting.values() for job in queue]
        for queue in self._waiting.values():
            queue.clear()
        return left
