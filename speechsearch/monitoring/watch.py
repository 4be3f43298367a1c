"""The observer's thread: takes what the server saw, keeps history, looks at thresholds, tells.

    server ─► queue ─► witness ─► recorder ─► history
                          └► drift ─┐
                  thresholds, SLO ──┴─► book ─► sinks

The server's loop only puts a record into a queue; where that is full the record is dropped and
counted, and nobody waits.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

from speechsearch.monitoring.book import Book, Entry, body_of
from speechsearch.monitoring.history import History
from speechsearch.monitoring.observation import Observation
from speechsearch.monitoring.options import MonitoringOptions
from speechsearch.monitoring.process import Usage
from speechsearch.monitoring.references import References
from speechsearch.monitoring.rules import checks
from speechsearch.monitoring.seen import Seen
from speechsearch.monitoring.series import BY_NAME
from speechsearch.monitoring.sinks import Teller, sinks_of
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import HOUR_S, Recorder
from speechsearch.monitoring.witness import Facts, Witness

MOST_WAITING = 500
POLITENESS = 10
"""Added to the thread's niceness: answers go first"""
FLUSH_S = 10.0
log = logging.getLogger("speechsearch.monitoring")
WallClock = Callable[[], float]


class Watching(Protocol):
    """What the server tells of; returns at once."""

    def put(self, seen: Seen) -> None:
        """Something was seen."""
        ...


class Unwatched:
    """Nobody looks."""

    def put(self, seen: Seen) -> None:
        """Let it pass."""


class Watch:
    """Owns recorder, drift, book and history; ``lock`` for whoever reads them from elsewhere."""

    def __init__(
        self, facts: Facts, options: MonitoringOptions, clock: WallClock = time.time
    ) -> None:
        self.lock = threading.RLock()
        self.options = options
        self.recorder, self.book = Recorder(), Book(options.agree)
        self.history = History(options.folder)
        self.drift = References(options.folder, facts.info.label, options.drift)
        self._traces = facts.traces
        self.teller = Teller(sinks_of(options.sinks))
        self.witness = Witness(
            facts, self.recorder, self._observed, options.journeys, options.slo.budget_ms
        )
        self.dropped = 0
        """Records that found the queue full"""
        self.gauges: dict[str, Callable[[], float]] = {}
        """Series that are looked at now and then"""
        self._clock = clock
        self._usage = Usage()
        self._queue: SimpleQueue[Seen | None] = SimpleQueue()
        self._long: dict[tuple[str, float], tuple[float, Summary]] = {}
        self._checked_s = self._flushed_s = clock()
        self._restore()
        self._thread = threading.Thread(target=self._run, name="monitoring", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, seen: Seen) -> None:
        """Called by the server's loop."""
        if self._queue.qsize() < MOST_WAITING:
            self._queue.put(seen)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Take in what is queued, write everything down, end."""
        self._queue.put(None)
        self._thread.join()
        self._traces.close()
        self.teller.close()
        self.history.close()

    def now_s(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def step(self) -> None:
        """Everything that time asks for; the thread calls it."""
        now_s = self._clock()
        with self.lock:
            if now_s - self._checked_s >= self.options.check_s:
                self._checked_s = now_s
                self.witness.passed(now_s)
                self._measure(now_s)
                self._judge(now_s)
            if now_s - self._flushed_s >= FLUSH_S:
                self.flush()

    def flush(self) -> None:
        """Write down what is new."""
        now_s = self._flushed_s = self._clock()
        self.history.write(self.recorder.changed())
        self.recorder.forget(now_s)
        newest = self.witness.newest.take_touched()
        self.history.note("utterance", [(one["id"], one["at_s"], one) for one in newest])
        self.history.tidy(now_s)

    def tell(self, entry: Entry | None) -> None:
        """Keep an entry of the book, and tell the sinks unless it is silenced."""
        if entry is None:
            return
        self.history.note("alarm", [(entry.id, entry.raised_s, body_of(entry))])
        if not self.book.is_silent(entry.rule, self._clock()):
            self.teller.tell(entry)

    def look(self, series: str, span_s: float) -> Summary:
        """A series' newest ``span_s`` seconds."""
        now_s = self._clock()
        if span_s <= HOUR_S:
            return self.recorder.window(series, span_s, now_s)
        seen_s, found = self._long.get((series, span_s), (0.0, Summary()))
        if now_s - seen_s > 60:
            found = Summary()
            for point in self.history.read(now_s - span_s, now_s, series):
                found.merge(point.summary)
            self._long[series, span_s] = now_s, found
        return found

    def _run(self) -> None:
        _be_polite()
        while True:
            try:
                seen = self._queue.get(timeout=min(1.0, self.options.check_s))
                if seen is None:
                    break
                with self.lock:
                    self.witness.take(seen, self._clock())
            except Empty:
                pass
            except Exception:
                log.exception("an observation failed")
            try:
                self.step()
            except Exception:
                log.exception("the look at the thresholds failed")
        with self.lock:
            self.witness.close()
            self.flush()

    def _observed(self, observation: Observation, now_s: float) -> None:
        for alarm in self.drift.update(observation):
            self.tell(self.book.drifted(alarm, now_s))
        over = None if self.drift.replaced else self.drift.calm
        for entry in self.book.calmed(over, now_s):
            self.tell(entry)

    def _measure(self, now_s: float) -> None:
        for name, value in self._usage.since_last().items():
            self.witness.add(name, value, now_s)
        for name, gauge in self.gauges.items():
            self.witness.add(name, gauge(), now_s)

    def _judge(self, now_s: float) -> None:
        for check in checks(self.options.in_force, self.options.slo, self.look):
            self.tell(self.book.check(check, BY_NAME[check.metric].stage, now_s))

    def _restore(self) -> None:
        now_s = self._clock()
        self.recorder.restore(self.history.minutes(now_s - 2 * HOUR_S, now_s))
        self.witness.newest.utterances.extend(reversed(self.history.notes("utterance", 200)))
        self.book.restore(self.history.notes("alarm"), self.history.notes("silence"))


def _be_polite() -> None:
    """On Linux each thread has a niceness of its own."""
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITENESS)
        except OSError:
            log.debug("the thread keeps its priority")
