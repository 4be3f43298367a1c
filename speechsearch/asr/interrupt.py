"""Work of the model that makes way for more urgent work before it is done.

``with interrupt.in_force():`` is put around the work; another thread may ``ask`` at any moment. The
engine finds the interrupt that is in force by itself, so that nothing between has to hand it on. An
engine that cannot stop ends its work: ``ask`` is a wish. ``give_way`` is called between two steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from speechsearch.errors import Interrupted


class Interrupt:
    """One for each piece of work; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._stop: Callable[[], None] | None = None

    @property
    def asked(self) -> bool:
        """Whether the work is to stop."""
        return self._asked

    def ask(self) -> None:
        """Let the work stop as soon as it can."""
        with self._lock:
            self._asked = True
            if self._stop:
                self._stop()

    def check(self) -> None:
        """Raise Interrupted where that was asked for."""
        if self._asked:
            raise Interrupted("the work made way for more urgent work")

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """What runs inside, in this thread, is stopped when asked to; then it raises."""
        before = _in_force.set(self)
        try:
            yield
        finally:
            _in_force.reset(before)

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """While inside, ``ask`` calls ``stop``; whatever that makes the block raise, and work
        that was asked for too late to be stopped, becomes Interrupted.
        """
        with self._lock:
            self.check()
            self._stop = stop
        try:
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                self._stop = None
        self.check()


_in_force: ContextVar[Interrupt | None] = ContextVar("interrupt", default=None)


def interrupt_in_force() -> Interrupt | None:
    """The one that the present work has to heed."""
    return _in_force.get()


def give_way() -> None:
    """Raise Interrupted where the present work is to stop."""
    interrupt = interrupt_in_force()
    if interrupt:
        interrupt.check()
