"""Many values in few numbers that can be merged: minutes into hours, quantiles included.

Bins whose borders grow by a constant ratio keep every quantile within 5 % of its value: Masson, Rim
and Lee 2019, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch".
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

RATIO = 1.1
LEAST = 1e-3
"""Smaller values, zero and all below it share one bin"""
_LOG_RATIO = math.log(RATIO)
_FLOOR = math.floor(math.log(LEAST) / _LOG_RATIO)


@dataclass(slots=True)
class Summary:
    """Count, sum, extremes and bins of what was added."""

    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    bins: dict[int, int] = field(default_factory=dict)

    def add(self, value: float) -> None:
        """Take a finite value in."""
        self.count += 1
        self.total += value
        self.low, self.high = min(self.low, value), max(self.high, value)
        place = math.ceil(math.log(value) / _LOG_RATIO) if value > LEAST else _FLOOR
        self.bins[place] = self.bins.get(place, 0) + 1

    def merge(self, other: Summary) -> None:
        """Take all in that ``other`` took in."""
        self.count += other.count
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        for place, count in other.bins.items():
            self.bins[place] = self.bins.get(place, 0) + count

    @property
    def mean(self) -> float:
        """NaN of nothing."""
        return self.total / self.count if self.count else math.nan

    def quantile(self, share: float) -> float:
        """The value that ``share`` of all do not exceed; NaN of nothing. For values from 0 up."""
        if not self.count:
            return math.nan
        wanted, seen = share * self.count, 0
        for place in sorted(self.bins):
            seen += self.bins[place]
            if seen >= wanted:
                middle = 2 * RATIO**place / (1 + RATIO) if place > _FLOOR else self.low
                return min(self.high, max(self.low, middle))
        return self.high

    def encode(self) -> str:
        """As JSON."""
        return json.dumps(
            [self.count, self.total, self.low, self.high, [*self.bins.items()]],
            separators=(",", ":"),
        )

    @classmethod
    def decode(cls, text: str) -> Summary:
        """From ``encode``; raises ValueError for anything else."""
        try:
            count, total, low, high, bins = json.loads(text)
            return cls(int(count), float(total), float(low), float(high), dict(bins))
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a summary: {text[:60]!r}") from error
