"""Sudden change in a stream: one ``update`` a value, one flag.

It takes what comes for independent. It is therefore given a threshold at which sessions, one
after the other as people come, do not set it off: see ``threshold``.
"""

from __future__ import annotations

import numpy as np

from speechsearch.monitoring.distances import Floats, Ints

STREAMS = 100
"""Drawn to find the threshold"""


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
    for _ in range(STREAMS):
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
