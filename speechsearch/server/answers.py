"""The one thread that owns the model, and the queue of priorities before it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from speechsearch.asr.batcher import UNSPOKEN, Batcher, BatcherOptions, Job, Priority
from speechsearch.asr.model import AcousticModel
from speechsearch.asr.settled import AS_A_WHOLE, SettlingOptions
from speechsearch.clock import Clock, Deadline, Lap, Stopwatch, monotonic_s
from speechsearch.config import ServerOptions
from speechsearch.errors import DeadlineExceeded, Interrupted
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.server.admission import Admission, AdmissionOptions
from speechsearch.server.heap import LONG_SAMPLES, give_back
from speechsearch.server.second_pass import SecondPass
from speechsearch.server.yielding import YIELDING, Yielding
from speechsearch.types import Audio, Hit, LogProbs

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Work(Generic[T]):
    """Sound to hear and what to make of its log-probs; both run in the model's thread."""

    sound: Audio
    conclude: Callable[[LogProbs, Stopwatch], T]
    model: AcousticModel
    """Hears it, with others of its length"""
    hear: Callable[[Audio], LogProbs] | None = None
    """Hears it instead, alone"""


def answering(spoken: Spoken, pipeline: Pipeline) -> Work[Answered]:
    """The work of answering ``spoken`` by ``pipeline``."""

    def conclude(log_probs: LogProbs, watch: Stopwatch) -> Answered:
        answered = pipeline.conclude(spoken, log_probs, watch)
        return replace(answered, laps=tuple(watch.laps))

    return Work(pipeline.sound_of(spoken), conclude, pipeline.model)


@dataclass(slots=True, eq=False)
class Ticket(Generic[T]):
    """Work handed in; ``outcome`` is None where the queue had to drop it."""

    work: Work[T]
    deadline: Deadline
    outcome: asyncio.Future[T | None]
    job: Job[Ticket[Any]] = field(init=False)
    cpu_s: float = 0.0
    """CPU time of the server's process while it was heard: an upper bound of its cost"""
    stopped_after_s: float | None = None
    """Where it had to make way: how long it had been worked on"""


class Answers:
    """Sound in, results out, the most urgent first. Its methods belong to one event loop."""

    def __init__(
        self,
        pipeline: Pipeline,
        metrics: Metrics,
        options: ServerOptions,
        clock: Clock = monotonic_s,
        second: SecondPass | None = None,
    ) -> None:
        self.pipeline = pipeline
        """Who answers by default: another one may be put here at any time, in one assignment; work
        that was begun goes on with the one that it was begun with"""
        self.second = second
        self.admission = Admission(
            options=AdmissionOptions(most_load=options.max_load), clock=clock
        )
        self.watch: Callable[[Priority, float, float], None] | None = None
        """Told in the loop of all that was heard, how many seconds it took, and for how many of
        them it was in the way of somebody who speaks, where wanted"""
        self._yielding: Yielding | None = None
        self._metrics = metrics
        self._deadline_ms = options.deadline_ms
        self.revise_within_ms = options.revise_within_ms
        self.settling = SettlingOptions() if options.hear_parts else AS_A_WHOLE
        self._clock = clock
        self._batcher: Batcher[Ticket[Any]] = Batcher(
            BatcherOptions(max_answers=options.max_queued)
        )
        self._change = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T], priority: Priority, owner: Hashable) -> Ticket[T]:
        """Have ``work`` done; raises Overloaded where too many answers wait."""
        loop = asyncio.get_running_loop()
        patient = priority in UNSPOKEN
        deadline = Deadline.after_ms(math.inf if patient else self._deadline_ms, self._clock)
        ticket = Ticket(work, deadline, loop.create_future())
        ticket.job = Job(ticket, owner, priority, len(work.sound))
        with self._change:
            dropped = self._batcher.offer(ticket.job, self._clock())
            if self._yielding:
                self._yielding.make_way(priority)
            self._change.notify()
        for job in dropped:
            job.work.outcome.set_result(None)
        self._count()
        return ticket

    def promote(self, ticket: Ticket[Any]) -> None:
        """The pause was the end of the utterance: somebody waits now."""
        ticket.deadline = Deadline.after_ms(self._deadline_ms, self._clock)
        with self._change:
            self._batcher.promote(ticket.job)

    def withdraw(self, ticket: Ticket[Any]) -> bool:
        """Nobody wants the outcome any more; whether that saved the work."""
        with self._change:
            waited = self._batcher.withdraw(ticket.job)
        if waited:
            ticket.outcome.set_result(None)
        self._count()
        return waited

    async def search(self, query: str, limit: int) -> tuple[list[Hit], dict[str, float]]:
        """Hits for a typed query; it does not wait for the model."""
        return await asyncio.to_thread(self.pipeline.search, query, limit)

    @property
    def waiting(self) -> int:
        """What waits for the model."""
        return len(self._batcher)

    def close(self) -> None:
        """Stop the thread after what it does now."""
        with self._change:
            self._over = True
            left = self._batcher.clear()
            self._change.notify()
        for job in left:
            job.work.outcome.cancel()
        self._thread.join()
        if self.second:
            self.second.close()

    def _run(self) -> None:
        while True:
            with self._change:
                batch, stale = self._batcher.take(self._clock())
                while not batch and not stale and not self._over:
                    held_s = self._batcher.held_s(self._clock())
                    self._change.wait(None if held_s == math.inf else max(0.0, held_s))
                    batch, stale = self._batcher.take(self._clock())
                if self._over:
                    return
                yields = bool(batch) and batch[0].priority in YIELDING
                self._yielding = Yielding(self._clock, batch[0].priority) if yields else None
            for job in stale:
                self._settle(job.work, None)
            if self._yielding:
                self._work_beside(batch, self._yielding)
            else:
                self._work(batch)
            if any(len(job.work.work.sound) >= LONG_SAMPLES for job in batch) and not self.waiting:
                give_back()

    def _work_beside(self, batch: list[Job[Ticket[Any]]], yielding: Yielding) -> None:
        """As ``_work``, but only for as long as nobody waits for an answer."""
        with yielding.working():
            self._work(batch)
        with self._change:
            self._yielding = None

    def _work(self, batch: list[Job[Ticket[Any]]]) -> None:
        """Hear a batch at once, then conclude one by one."""
        due: dict[Job[Ticket[Any]], float] = {}
        for job in _wanted(batch):
            queue_ms = (self._clock() - job.arrived_s) * 1000
            if job.priority not in UNSPOKEN:
                self._metrics.stage("queue", queue_ms)
            if job.work.deadline.passed:
                self._settle(job.work, _too_late(queue_ms))
            else:
                due[job] = queue_ms
        if not due:
            return
        began_s, cpu_before_s = self._clock(), time.process_time()
        watch = Stopwatch(self._clock)
        try:
            heard = self._hear([job.work.work for job in due])
        except Exception as error:
            self._give_up(list(due), error, self._clock() - began_s)
            return
        decode_ms = watch.lap("decode")
        if batch[0].priority is not Priority.SHADOW:
            self._metrics.stage("decode", decode_ms)
            self._metrics.batched(len(due))
        for (job, queue_ms), log_probs in zip(due.items(), heard, strict=True):
            waited = Lap("queue", job.arrived_s, job.arrived_s + queue_ms / 1000)
            own = Stopwatch(
                self._clock, {"queue": queue_ms, **watch.laps_ms}, [waited, *watch.laps]
            )
            try:
                outcome = job.work.work.conclude(log_probs, own)
            except Interrupted:
                job.work.stopped_after_s, outcome = self._clock() - began_s, None
            except Exception as error:
                outcome = error
            job.work.cpu_s = (time.process_time() - cpu_before_s) / len(due)
            self._settle(job.work, outcome)
        self._account(batch[0], self._clock() - began_s)

    def _give_up(self, batch: list[Job[Ticket[Any]]], error: Exception, busy_s: float) -> None:
        """It could not be heard, or had to make way."""
        stopped = isinstance(error, Interrupted)
        for job in batch:
            job.work.stopped_after_s = busy_s if stopped else None
            self._settle(job.work, None if stopped else error)
        if stopped:
            self._account(batch[0], busy_s)

    def _account(self, first: Job[Ticket[Any]], busy_s: float) -> None:
        """Tell the loop how long a batch took."""
        priority, loop = first.priority, first.work.outcome.get_loop()
        if priority in (Priority.ANSWER, Priority.PAUSE):
            loop.call_soon_threadsafe(self.admission.worked, busy_s)
        if self.watch is not None:
            waited_s = self._yielding.in_the_way_s if self._yielding else 0.0
            loop.call_soon_threadsafe(self.watch, priority, busy_s, waited_s)

    def _hear(self, batch: list[Work[Any]]) -> list[LogProbs]:
        model = batch[0].model
        if all(work.hear is None and work.model is model for work in batch):
            return model.log_probs_of([work.sound for work in batch])
        return [(work.hear or work.model.log_probs)(work.sound) for work in batch]

    def _settle(self, ticket: Ticket[Any], outcome: Any) -> None:
        """Resolve a future of the loop's thread, unless nobody waits for it any more."""

        def settle() -> None:
            if ticket.outcome.done():
                return
            if isinstance(outcome, Exception):
                ticket.outcome.set_exception(outcome)
            else:
                ticket.outcome.set_result(outcome)

        ticket.outcome.get_loop().call_soon_threadsafe(settle)

    def _count(self) -> None:
        self._metrics.queued.set(self.waiting)


def _wanted(batch: list[Job[Ticket[Any]]]) -> list[Job[Ticket[Any]]]:
    """Those whose owners have not gone."""
    return [job for job in batch if not job.work.outcome.cancelled()]


def _too_late(queue_ms: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"an utterance waited {queue_ms:.0f} ms for the model: too long",
        hint="The server is overloaded: speak again in a moment",
    )
