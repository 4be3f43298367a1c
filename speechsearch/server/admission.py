"""Whether one more speaker can be served without making the others slow: pure, clock handed in.

The model's thread is one server in the sense of queueing theory: as its share of busy time nears
one, waiting grows without bound. So new speakers are refused while what they will cost, added to
what is measured, would pass a bound below one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from speechsearch.clock import Clock, monotonic_s


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """How full the model's thread may become."""

    most_load: float = 0.7
    """Share of time; beyond, the wait for the model approaches the time of an answer"""
    window_s: float = 10.0
    """Over which load is measured: about one request and its gap"""
    always: int = 2
    """So many speakers are served however slow the machine is"""


class Admission:
    """Told how long the model worked for answers; judges newcomers.

    ``newcomer_load`` is the share of the thread that a speaker takes of whom nothing is known yet.
    """

    def __init__(
        self,
        newcomer_load: float = 0.02,
        options: AdmissionOptions | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        self.newcomer_load = newcomer_load
        self._options = options or AdmissionOptions()
        self._clock = clock
        self._work: deque[tuple[float, float]] = deque()

    def worked(self, seconds: float) -> None:
        """The model was busy so long until now."""
        self._work.append((self._clock(), seconds))
        self._forget()

    @property
    def load(self) -> float:
        """Share of the newest window that the model was busy, 0..1."""
        self._forget()
        return min(1.0, sum(seconds for _, seconds in self._work) / self._options.window_s)

    def admits(self, ages_s: Sequence[float]) -> bool:
        """Whether another may join the speakers who came ``ages_s`` ago.

        Those younger than the window have not shown all they cost: the rest is presumed.
        """
        if len(ages_s) < self._options.always:
            return True
        window_s = self._options.window_s
        unseen = sum(max(0.0, 1 - age_s / window_s) for age_s in ages_s)
        expected = self.load + (unseen + 1) * self.newcomer_load
        return expected <= self._options.most_load

    def _forget(self) -> None:
        oldest_s = self._clock() - self._options.window_s
        while self._work and self._work[0][0] < oldest_s:
            self._work.popleft()
