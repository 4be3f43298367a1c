"""The one thread that owns the model, and the bounded queue before it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from speechsearch.clock import Clock, Deadline, monotonic_s
from speechsearch.config import ServerOptions
from speechsearch.errors import Overloaded
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Pipeline
from speechsearch.types import Hit, Result
from speechsearch.wire.server_session import UtteranceEnded


class Answers:
    """Utterances in, results out, in order of arrival."""

    def __init__(
        self,
        pipeline: Pipeline,
        metrics: Metrics,
        options: ServerOptions,
        clock: Clock = monotonic_s,
    ) -> None:
        self.pipeline = pipeline
        self._metrics = metrics
        self._options = options
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._queued = 0

    async def answer(self, ended: UtteranceEnded) -> Result:
        """The result of an utterance; ``timings_ms`` gains ``queue``.

        Raises Overloaded where the queue is full, DeadlineExceeded where it took too long.
        """
        if self._queued >= self._options.max_queued:
            raise Overloaded(
                f"{self._queued} utterances wait for the model already",
                hint="Speak again in a moment",
                utterance=ended.utterance.number,
            )
        arrived_s = self._clock()
        deadline = Deadline.after_ms(self._options.deadline_ms, self._clock)
        self._count(1)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._work, ended, deadline, arrived_s
            )
        finally:
            self._count(-1)

    async def search(self, query: str, limit: int) -> tuple[list[Hit], dict[str, float]]:
        """Hits for a typed query; it does not wait for the model."""
        return await asyncio.to_thread(self.pipeline.search, query, limit)

    def close(self) -> None:
        """Stop the thread after what it does now."""
        self._thread.shutdown(cancel_futures=True)

    def _work(self, ended: UtteranceEnded, deadline: Deadline, arrived_s: float) -> Result:
        queue_ms = (self._clock() - arrived_s) * 1000
        self._metrics.stage("queue", queue_ms)
        result = self.pipeline.answer(ended.utterance, ended.end_sample, deadline)
        result.timings_ms["queue"] = queue_ms
        return result

    def _count(self, change: int) -> None:
        self._queued += change
        self._metrics.queued.set(self._queued)
