"""A test of a bounded mean that may be looked at after every observation.

Testing by betting (Waudby-Smith & Ramdas, "Estimating means of bounded random variables by
betting", JRSS B 2024): a gambler who believes that the mean is above ``bound`` stakes a share of
their capital on every observation. Under the hypothesis that it is not, the capital is a
non-negative supermartingale, so that the chance that it ever reaches 1/alpha is at most alpha
(Ville's inequality), whenever and however often one looks. Here the capital is split evenly over a
ladder of fixed stakes, which needs no estimate of the variance, and the order of the observations
does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

STAKES = (0.004, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 0.95)
"""Shares of the highest stake that can never lose all"""


class Bet(msgspec.Struct, frozen=True):
    """The capital of a gambler against "the mean is at most ``bound``"; one is added at a time.

    Observations lie in ``low`` .. any upper end; ``low`` must be below ``bound``.
    """

    bound: float
    low: float
    log_capitals: tuple[float, ...] = (0.0,) * len(STAKES)
    """Nats, of each stake; of a capital of one at the start"""

    def add(self, observation: float) -> Bet:
        """The capital after one more; ValueError below ``low``."""
        if observation < self.low:
            raise ValueError(f"{observation} lies below {self.low}")
        gain = (observation - self.bound) / (self.bound - self.low)
        log_capitals = tuple(
            log + math.log1p(stake * gain)
            for log, stake in zip(self.log_capitals, STAKES, strict=True)
        )
        return Bet(self.bound, self.low, log_capitals)

    @property
    def log_evidence(self) -> float:
        """Nats: the log of the whole capital, an e-value."""
        return _log_mean(self.log_capitals)


def _log_mean(logs: Sequence[float]) -> float:
    highest = max(logs)
    return highest + math.log(sum(math.exp(log - highest) for log in logs) / len(logs))
