"""When to answer, when to ask back, when to say that nothing fits: all thresholds in one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from speechsearch.search.alignment import Floats

SAME_NATS = 1e-3
"""Scores so near to one another are of the same form"""


class Verdict(StrEnum):
    """What the hits are worth."""

    FOUND = "found"
    DID_YOU_MEAN = "did_you_mean"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class VerdictOptions:
    """Of the answer's confidence: the probability that the first hit is what was asked for.

    A logistic regression on two features (Platt 1999): how much of the utterance the best title
    explains, and by how many nats it beats all others together. Fitted on 1,100 phrases among 3,576
    sentences, pieces of two or three words of them, and some behind a carrier phrase; each also
    with the right sentences taken out, which count a quarter. Fitted on half of the speakers, the
    expected calibration error on the others' phrases is 0.03. Of the right answers to phrases 98 %
    are found and 99.7 % at least offered; where the sentence is missing 10 % and 36 % (many
    sentences are much alike).
    """

    of_fit: float = 12.95
    of_margin: float = 0.22
    offset: float = -11.31
    most_margin_nats: float = 12.0
    """A lead beyond it is no surer"""
    found: float = 0.7
    """From here on the first hit is the answer"""
    offered: float = 0.15
    """From here on the hits are a question, below there is nothing"""


def confidence(fit: float, scores: Floats, options: VerdictOptions) -> float:
    """Probability that the best of the entries is the right one: 0..1.

    ``fit`` is the share of the sound that it explains, ``scores`` [entries] those of all in nats,
    best first. Entries that sound the same are one.
    """
    others = scores[np.abs(scores - scores[0]) > SAME_NATS].astype(float)
    rest = np.logaddexp.reduce(others) if len(others) else -np.inf
    margin = min(float(scores[0]) - rest, options.most_margin_nats)
    odds = options.offset + options.of_fit * fit + options.of_margin * margin
    return float(1 / (1 + np.exp(-odds)))


def verdict(sure: float, options: VerdictOptions) -> Verdict:
    """What an answer of this confidence is worth."""
    if sure >= options.found:
        return Verdict.FOUND
    return Verdict.DID_YOU_MEAN if sure >= options.offered else Verdict.NOTHING
