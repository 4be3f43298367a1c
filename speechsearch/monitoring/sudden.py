"""Sudden change in a stream: one ``update`` a value, one flag. Each sees a change of the mean.

Both take what comes for independent. They are therefore given thresholds at which sessions, one
after the other as people come, do not set them off: see ``threshold``.
"""

from __future__ import annotations

import math

import numpy as np

from speechsearch.monitoring.distances import Floats, Ints


class PageHinkley:
    """Page 1954, "Continuous Inspection Schemes"; Hinkley 1971: cumulative sums to either side.

    >>> detector = PageHinkley(threshold=10)
    >>> any(detector.update(0.0) for _ in range(100))
    False
    >>> [detector.update(2.0) for _ in range(8)].index(True)
    6
    """

    def __init__(self, *, threshold: float, slack: float = 0.5, least: int = 30) -> None:
        """``slack`` is how far from the mean is no change, ``least`` how many values come first."""
        self._threshold, self._slack, self._least = threshold, slack, least
        self._count, self._mean, self._up, self._down = 0, 0.0, 0.0, 0.0
        self.drift = False

    def update(self, value: float) -> bool:
        """Take the next value in; whether the mean has changed. Then it begins anew."""
        if self.drift:
            self._count, self._mean, self._up, self._down = 0, 0.0, 0.0, 0.0
        self._count += 1
        self._mean += (value - self._mean) / self._count
        self._up = max(0.0, self._up + value - self._mean - self._slack)
        self._down = max(0.0, self._down + self._mean - value - self._slack)
        largest = max(self._up, self._down)
        self.drift = self._count >= self._least and largest > self._threshold
        return self.drift


class Adwin:
    """Bifet and Gavaldà 2007, "Learning from Time-Changing Data with Adaptive Windowing".

    Values in 0..1. The window shrinks while two parts of it differ by more than chance allows;
    buckets of growing size keep it logarithmic.
    """

    PER_SIZE = 5
    """Buckets of each size"""
    CLOCK = 32
    """Values between two looks"""
    LEAST = 5
    """Values in each part"""

    def __init__(self, *, delta: float = 0.002, grace: int = 10) -> None:
        """``delta`` is the chance of a false cut at one look, for independent values."""
        self._delta, self._grace = delta, grace
        self._rows: list[list[tuple[float, float]]] = [[]]  # newest first: (sum, squared deviation)
        self.width = 0
        self._total = self._deviation = 0.0
        self._ticks = 0
        self.drift = False

    @property
    def mean(self) -> float:
        """Of the window; 0 where it is empty."""
        return self._total / self.width if self.width else 0.0

    def update(self, value: float) -> bool:
        """Take the next value in; whether older ones were dropped for it."""
        if self.width:
            self._deviation += (value - self.mean) ** 2 * self.width / (self.width + 1)
        self._rows[0].insert(0, (value, 0.0))
        self.width += 1
        self._total += value
        self._compress()
        self._ticks += 1
        self.drift = False
        if self._ticks % self.CLOCK == 0 and self.width > self._grace:
            while self._cut_found():
                self._drop_oldest()
                self.drift = True
        return self.drift

    def _compress(self) -> None:
        for size, row in enumerate(self._rows):
            if len(row) <= self.PER_SIZE:
                break
            (sum_b, dev_b), (sum_a, dev_a) = row.pop(), row.pop()
            count = 2**size
            apart = (sum_a - sum_b) ** 2 / count / 2
            if size + 1 == len(self._rows):
                self._rows.append([])
            self._rows[size + 1].insert(0, (sum_a + sum_b, dev_a + dev_b + apart))

    def _cut_found(self) -> bool:
        old, old_sum = 0, 0.0
        for size in reversed(range(len(self._rows))):
            for total, _ in reversed(self._rows[size]):
                old, old_sum = old + 2**size, old_sum + total
                new = self.width - old
                if new < self.LEAST:
                    return False
                if old >= self.LEAST and self._differs(old, new, old_sum):
                    return True
        return False

    def _differs(self, old: int, new: int, old_sum: float) -> bool:
        gap = abs(old_sum / old - (self._total - old_sum) / new)
        nats = math.log(2 * math.log(self.width) / self._delta)
        harmonic = 1 / (old - self.LEAST + 1) + 1 / (new - self.LEAST + 1)
        variance = self._deviation / self.width
        return gap > math.sqrt(2 * harmonic * variance * nats) + 2 / 3 * nats * harmonic

    def _drop_oldest(self) -> None:
        size = len(self._rows) - 1
        total, deviation = self._rows[size].pop()
        count = 2**size
        self.width -= count
        self._total -= total
        apart = total / count - self.mean
        self._deviation -= deviation + count * self.width * apart**2 / (count + self.width)
        if not self._rows[size] and size:
            self._rows.pop()


def threshold(
    values: Floats, sessions: Ints, *, false_alarms: float, horizon: int = 1000, seed: int = 0
) -> float:
    """Of Page-Hinkley over each column of standardised ``values`` [n, metrics].

    Streams of ``horizon`` utterances are drawn session by session; in a share ``false_alarms`` of
    them the sums of some column pass it.
    """
    random = np.random.default_rng(seed)
    order = [np.flatnonzero(sessions == one) for one in np.unique(sessions)]
    peaks = []
    for _ in range(200):
        drawn: list[Ints] = []
        while sum(map(len, drawn)) < horizon:
            drawn.append(order[int(random.integers(len(order)))])
        peaks.append(_peak(values[np.concatenate(drawn)[:horizon]], slack=0.5))
    return float(np.quantile(peaks, 1 - false_alarms))


def _peak(stream: Floats, slack: float) -> float:
    """Largest sum of either side that any column [n, metrics] comes to."""
    means = np.cumsum(stream, axis=0) / np.arange(1, len(stream) + 1)[:, None]
    most = 0.0
    for side in (stream - means, means - stream):
        sums = np.cumsum(side - slack, axis=0)
        low = np.minimum.accumulate(np.vstack([np.zeros((1, sums.shape[1])), sums]), axis=0)[1:]
        most = max(most, float((sums - low).max()))
    return most
