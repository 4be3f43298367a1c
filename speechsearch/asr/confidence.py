"""How probable it is that the answer on top is right, and how well such numbers can be believed.

A logistic map from what ranking and decoding know (Platt 1999). It is calibrated when of all
answers given at 0.8 four in five are right: the reliability curve shows it, the expected
calibration error sums it up (Guo et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.types import Hit, Hypothesis

Reals = npt.NDArray[np.float64]
MOST_MARGIN = 0.4
"""Share of the first score; a second hit further behind may not be offered, and is no rival"""
_RIDGE = 1e-2
_STEPS = 50


@dataclass(frozen=True, slots=True)
class AnswerFeatures:
    """What tells a right answer from a wrong one; all 0..1."""

    score: float
    """Of the first hit"""
    margin: float
    """By which it beats the second hit, at most ``MOST_MARGIN`` of it"""
    posterior: float
    """Mean posterior of the letters that the model wrote by itself (greedy)"""


@dataclass(frozen=True, slots=True)
class AnswerCalibration:
    """log-odds = ``bias`` + ``score`` * score + ``margin`` * margin + ``posterior`` * posterior.

    The defaults: ``scripts/bench_confidence`` on every other speaker of ``phrases.tsv`` with the
    embedded model and the default ranking, each recording twice: with its sentence in the
    catalogue, and, counted as one in ten, without. Of two answers that fit alike, the one to clear
    speech is the likelier wrong, so ``posterior`` counts against it. Another model or ranking needs
    its own.
    """

    bias: float = -1.72
    score: float = 9.93
    margin: float = 21.8
    posterior: float = -6.48


def answer_features(hits: Sequence[Hit], greedy: Hypothesis) -> AnswerFeatures:
    """Of an answer with at least one hit."""
    first = hits[0].score
    second = hits[1].score if len(hits) > 1 else 0.0
    return AnswerFeatures(first, min(first - second, MOST_MARGIN * first), greedy.confidence)


def answer_confidence(
    features: AnswerFeatures, calibration: AnswerCalibration | None = None
) -> float:
    """Probability that the first hit is the one that was asked for, 0..1."""
    c = calibration or AnswerCalibration()
    odds = (
        c.bias
        + c.score * features.score
        + c.margin * features.margin
        + c.posterior * features.posterior
    )
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def calibrate(
    features: Sequence[AnswerFeatures], right: Sequence[bool], weights: Sequence[float]
) -> AnswerCalibration:
    """The map of the highest likelihood (Newton's method, a small ridge).

    ``weights`` say how much each answer counts.
    """
    x = np.array([(1.0, *astuple(f)) for f in features])
    y, w = np.array(right, np.float64), np.array(weights, np.float64)
    ridge = _RIDGE * np.eye(x.shape[1])
    best = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-x @ best))
        slope = x.T @ (w * (p - y)) + ridge @ best
        best -= np.linalg.solve((x * (w * p * (1 - p))[:, None]).T @ x + ridge, slope)
    return AnswerCalibration(*map(float, best))


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
