"""The thread of the second ear, and its queues: who may be answered now goes before who speaks on,
and both before who can wait; the first two are dropped where too many speak.

The operating system runs it below everything else (Linux: the thread's own niceness, which threads
that the engine starts inherit), so that no first answer waits for a second one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from speechsearch.asr.second_ear import Reheard, SecondEar
from speechsearch.types import SAMPLE_RATE_HZ, Audio

NICENESS = 10
MOST_WAITING = 4
"""In each queue of those who speak: more are later than anybody waits for, the oldest is dropped"""

Outcome = asyncio.Future["tuple[Reheard, ...] | None"]
Queue = OrderedDict[Outcome, Audio]


class SecondPass:
    """Sound in, readings out. ``submit`` and ``withdraw`` belong to one event loop."""

    def __init__(self, load: Callable[[], SecondEar]) -> None:
        self._loaded: Future[SecondEar] = Future()
        self._speaking: Queue = OrderedDict()
        self._deferred: Queue = OrderedDict()
        self._patient: Queue = OrderedDict()
        self._change = threading.Condition()
        self._over = False
        self._thread = threading.Thread(
            target=self._run, args=(load,), name="second-ear", daemon=True
        )
        self._thread.start()

    @property
    def name(self) -> str:
        """The ear's; waits until it is loaded, and raises what loading it raised."""
        return self._loaded.result().name

    def submit(self, samples: Audio, *, patient: bool = False) -> Outcome:
        """Have float32 [samples] heard; None where that came to nothing.

        ``patient``: whenever nobody else waits, and never dropped; sessions and uploads are few.
        """
        outcome: Outcome = asyncio.get_running_loop().create_future()
        with self._change:
            (self._patient if patient else self._speaking)[outcome] = samples
            late = _surplus(self._speaking)
            self._change.notify()
        for dropped in late:
            dropped.set_result(None)
        return outcome

    def defer(self, outcome: Outcome) -> None:
        """It will be wanted when the speaker, who spoke on, is done."""
        self._move(outcome, self._speaking, self._deferred)

    def hurry(self, outcome: Outcome) -> None:
        """The speaker may be done."""
        self._move(outcome, self._deferred, self._speaking)

    def withdraw(self, outcome: Outcome) -> None:
        """Nobody wants it any more."""
        with self._change:
            for queue in self._queues:
                queue.pop(outcome, None)
        outcome.cancel()

    def close(self) -> None:
        """Stop the thread after what it does now."""
        with self._change:
            self._over = True
            left = [outcome for queue in self._queues for outcome in queue]
            for queue in self._queues:
                queue.clear()
            self._change.notify()
        for outcome in left:
            outcome.cancel()
        self._thread.join()

    @property
    def _queues(self) -> tuple[Queue, ...]:
        """Most urgent first."""
        return self._speaking, self._deferred, self._patient

    def _move(self, outcome: Outcome, source: Queue, target: Queue) -> None:
        with self._change:
            if outcome not in source:
                return  # it is heard already
            target[outcome] = source.pop(outcome)
            late = _surplus(target)
        for dropped in late:
            dropped.set_result(None)

    def _run(self, load: Callable[[], SecondEar]) -> None:
        if hasattr(os, "setpriority"):
            thread = threading.get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, own + NICENESS))
        try:
            ear = load()
            ear.hear(np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE_HZ).astype(np.float32))
        except Exception as error:
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(ear)
        while True:
            with self._change:
                while not (any(self._queues) or self._over):
                    self._change.wait()
                if self._over:
                    return
                first = next(queue for queue in self._queues if queue)
                outcome, samples = first.popitem(last=False)
            readings: tuple[Reheard, ...] | None = None
            try:
                readings = ear.hear(samples)
            except Exception:
                logging.exception("the second ear failed")
            outcome.get_loop().call_soon_threadsafe(_settle, outcome, readings)


def _surplus(queue: Queue) -> list[Outcome]:
    """The oldest of a queue that is too long, taken out."""
    return [queue.popitem(last=False)[0] for _ in range(len(queue) - MOST_WAITING)]


def _settle(outcome: Outcome, readings: tuple[Reheard, ...] | None) -> None:
    if not outcome.done():
        outcome.set_result(readings)
