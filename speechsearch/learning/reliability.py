"""How well probabilities can be believed: of all answers given at 0.8, are four in five right?

The reliability curve shows it, the expected calibration error sums it up (Guo et al. 2017, "On
Calibration of Modern Neural Networks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers of like confidence."""

    count: int
    confidence: float
    """Their mean confidence"""
    accuracy: float
    """The share of them that is right"""


def reliability(
    confidences: Sequence[float], right: Sequence[bool], bins: int = 10
) -> list[ReliabilityBin]:
    """The reliability curve: bins of equal width that hold any answer, lowest first."""
    p, y = np.array(confidences, np.float64), np.array(right, np.float64)
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    return [
        ReliabilityBin(int(here.sum()), float(p[here].mean()), float(y[here].mean()))
        for here in (place == number for number in range(bins))
        if here.any()
    ]


def calibration_error(curve: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error of a reliability curve, 0..1; 0 of none."""
    whole = sum(one.count for one in curve)
    off = sum(one.count * abs(one.confidence - one.accuracy) for one in curve)
    return off / whole if whole else 0.0
