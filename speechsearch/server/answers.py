"""The one thread that owns the model, and the queue of priorities before it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from speechsearch.asr.batcher import Batcher, BatcherOptions, Job, Priority
from speechsearch.clock import Clock, Deadline, monotonic_s
from speechsearch.config import ServerOptions
from speechsearch.errors import DeadlineExceeded
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.types import Hit


@dataclass(slots=True, eq=False)
class Ticket:
    """What was asked of the model; ``answered`` is None where the queue had to drop it."""

    spoken: Spoken
    deadline: Deadline
    answered: asyncio.Future[Answered | None]
    job: Job[Ticket] = field(init=False)
    timings_ms: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0
    """CPU time of the server's process while it was heard: an upper bound of its cost"""


class Answers:
    """Sound in, results out, the most urgent first. Its methods belong to one event loop."""

    def __init__(
        self,
        pipeline: Pipeline,
        metrics: Metrics,
        options: ServerOptions,
        clock: Clock = monotonic_s,
    ) -> None:
        self.pipeline = pipeline
        self.worked: Callable[[float], None] = lambda _seconds: None
        """Told how long the model's thread was busy, in that thread"""
        self._metrics = metrics
        self._deadline_ms = options.deadline_ms
        self._clock = clock
        self._batcher: Batcher[Ticket] = Batcher(BatcherOptions(max_answers=options.max_queued))
        self._change = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def submit(self, spoken: Spoken, priority: Priority, owner: Hashable) -> Ticket:
        """Have ``spoken`` answered; raises Overloaded where too many answers wait."""
        loop = asyncio.get_running_loop()
        deadline = Deadline.after_ms(self._deadline_ms, self._clock)
        ticket = Ticket(spoken, deadline, loop.create_future())
        length = len(self.pipeline.sound_of(spoken))
        ticket.job = Job(ticket, owner, priority, length)
        with self._change:
            dropped = self._batcher.offer(ticket.job, self._clock())
            self._change.notify()
        for job in dropped:
            job.work.answered.set_result(None)
        self._count()
        return ticket

    def promote(self, ticket: Ticket) -> None:
        """The pause was the end of the utterance: somebody waits now."""
        ticket.deadline = Deadline.after_ms(self._deadline_ms, self._clock)
        with self._change:
            self._batcher.promote(ticket.job)

    def withdraw(self, ticket: Ticket) -> bool:
        """Nobody wants the answer any more; whether that saved the work."""
        with self._change:
            waited = self._batcher.withdraw(ticket.job)
        if waited:
            ticket.answered.set_result(None)
        self._count()
        return waited

    async def search(self, query: str, limit: int) -> tuple[list[Hit], dict[str, float]]:
        """Hits for a typed query; it does not wait for the model."""
        return await asyncio.to_thread(self.pipeline.search, query, limit)

    def close(self) -> None:
        """Stop the thread after what it does now."""
        with self._change:
            self._over = True
            left = self._batcher.clear()
            self._change.notify()
        for job in left:
            job.work.answered.cancel()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._change:
                batch, stale = self._batcher.take(self._clock())
                while not batch and not stale and not self._over:
                    self._change.wait()
                    batch, stale = self._batcher.take(self._clock())
                if self._over:
                    return
            for job in stale:
                _settle(job.work.answered, None)
            began_s = self._clock()
            for job in batch:
                self._answer(job)
            self.worked(self._clock() - began_s)

    def _answer(self, job: Job[Ticket]) -> None:
        ticket, began_s, cpu_before_s = job.work, self._clock(), time.process_time()
        queue_ms = (began_s - job.arrived_s) * 1000
        self._metrics.stage("queue", queue_ms)
        if ticket.deadline.passed:
            _settle(ticket.answered, _too_late(ticket.spoken.utterance.number))
            return
        try:
            answered = self.pipeline.answer(ticket.spoken)
        except Exception as error:
            _settle(ticket.answered, error)
            return
        ticket.cpu_s = time.process_time() - cpu_before_s
        ticket.timings_ms = {"queue": queue_ms, **answered.result.timings_ms}
        _settle(ticket.answered, answered)

    def _count(self) -> None:
        self._metrics.queued.set(len(self._batcher))


def _too_late(number: int) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"utterance {number} waited too long for the model",
        hint="The server is overloaded: speak again in a moment",
        utterance=number,
    )


def _settle(future: asyncio.Future[Answered | None], outcome: Answered | Exception | None) -> None:
    """Resolve a future of another thread's loop, unless nobody waits for it any more."""

    def settle() -> None:
        if future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    future.get_loop().call_soon_threadsafe(settle)
