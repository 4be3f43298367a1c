"""The thread of the second ear, and its bounded queue: whoever speaks first comes first.

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
"""More than that are later than anybody waits for a revision: the oldest is dropped"""

Outcome = asyncio.Future["tuple[Reheard, ...] | None"]


class SecondPass:
    """Sound in, readings out. ``submit`` and ``withdraw`` belong to one event loop."""

    def __init__(self, load: Callable[[], SecondEar]) -> None:
        self._loaded: Future[SecondEar] = Future()
        self._waiting: OrderedDict[Outcome, Audio] = OrderedDict()
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

    def submit(self, samples: Audio) -> Outcome:
        """Have float32 [samples] heard; None where that came to nothing."""
        outcome: Outcome = asyncio.get_running_loop().create_future()
        with self._change:
            self._waiting[outcome] = samples
            late = []
            while len(self._waiting) > MOST_WAITING:
                late.append(self._waiting.popitem(last=False)[0])
            self._change.notify()
        for dropped in late:
            dropped.set_result(None)
        return outcome

    def withdraw(self, outcome: Outcome) -> None:
        """Nobody wants it any more."""
        with self._change:
            self._waiting.pop(outcome, None)
        outcome.cancel()

    def close(self) -> None:
        """Stop the thread after what it does now."""
        with self._change:
            self._over = True
            left = list(self._waiting)
            self._waiting.clear()
            self._change.notify()
        for outcome in left:
            outcome.cancel()
        self._thread.join()

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
                while not self._waiting and not self._over:
                    self._change.wait()
                if self._over:
                    return
                outcome, samples = self._waiting.popitem(last=False)
            readings: tuple[Reheard, ...] | None = None
            try:
                readings = ear.hear(samples)
            except Exception:
                logging.exception("the second ear failed")
            outcome.get_loop().call_soon_threadsafe(_settle, outcome, readings)


def _settle(outcome: Outcome, readings: tuple[Reheard, ...] | None) -> None:
    if not outcome.done():
        outcome.set_result(readings)
