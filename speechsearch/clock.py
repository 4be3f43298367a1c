"""Time as a thing handed in, so that the cores can be tested without waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]
"""Seconds on a monotonic clock; only differences mean anything."""

monotonic_s: Clock = time.perf_counter


def asleep_s() -> float:
    """Seconds this machine slept since it started: what the monotonic clock leaves out on Linux."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Lap:
    """A named stretch of time, in seconds on whatever clock it was taken from."""

    name: str
    began_s: float
    ended_s: float

    def later(self, seconds: float) -> Lap:
        """The same on a clock that is so much ahead."""
        return Lap(self.name, self.began_s + seconds, self.ended_s + seconds)


@dataclass(slots=True)
class Stopwatch:
    """Named laps in milliseconds: each ``lap`` measures since the one before; a name may recur."""

    clock: Clock = monotonic_s
    laps_ms: dict[str, float] = field(default_factory=dict)
    laps: list[Lap] = field(default_factory=list)
    """The same one by one"""
    _last_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._last_s = self.clock()

    def lap(self, name: str) -> float:
        """Milliseconds since the last lap, also added up under ``name``."""
        now_s = self.clock()
        elapsed_ms = (now_s - self._last_s) * 1000
        self.laps_ms[name] = self.laps_ms.get(name, 0.0) + elapsed_ms
        self.laps.append(Lap(name, self._last_s, now_s))
        self._last_s = now_s
        return elapsed_ms


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant by which an answer is due."""

    at_s: float
    clock: Clock = monotonic_s

    @classmethod
    def after_ms(cls, budget_ms: float, clock: Clock = monotonic_s) -> Deadline:
        """The instant ``budget_ms`` from now."""
        return cls(clock() + budget_ms / 1000, clock)

    @property
    def left_ms(self) -> float:
        """Milliseconds left, negative when it has passed."""
        return (self.at_s - self.clock()) * 1000

    @property
    def passed(self) -> bool:
        """Whether the instant is over."""
        return self.left_ms <= 0
