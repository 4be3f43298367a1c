"""Work of the model that makes way for who waits for an answer: looks while one speaks, shadows.

begun ─► somebody needs the model ─► asked to stop ─► stopped ─► how long did that take?
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from speechsearch.asr.batcher import UNSPOKEN, Priority
from speechsearch.asr.interrupt import Interrupt
from speechsearch.clock import Clock

YIELDING = frozenset({Priority.PARTIAL, Priority.SHADOW})
LEFT_TO_IT_S = 0.2
"""So long a partial lets a shadow go on: by then it is known whether its work takes longer than a
pause lasts. Answers, and decodes at a pause, stop it at once."""


@dataclass(slots=True)
class Yielding:
    """One piece of such work; what it is told comes from other threads than the model's."""

    clock: Clock
    priority: Priority
    began_s: float = field(init=False)
    _interrupt: Interrupt = field(default_factory=Interrupt)
    _asked_s: float = math.inf

    def __post_init__(self) -> None:
        self.began_s = self.clock()

    @contextmanager
    def working(self) -> Iterator[None]:
        """The work inside may raise Interrupted."""
        with self._interrupt.in_force():
            yield

    def make_way(self, priority: Priority) -> None:
        """Work of that priority has come."""
        if priority >= self.priority or priority in UNSPOKEN:
            return
        now_s = self.clock()
        if priority is Priority.PARTIAL and now_s - self.began_s < LEFT_TO_IT_S:
            return
        self._asked_s = min(self._asked_s, now_s)
        self._interrupt.ask()

    @property
    def in_the_way_s(self) -> float:
        """For how long somebody who speaks has waited for its end."""
        return max(0.0, self.clock() - self._asked_s)
