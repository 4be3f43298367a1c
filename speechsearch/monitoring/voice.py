"""Whose voice it is like, a grown-up's or a child's: recognition of children is the weaker.

No single feature of the sound tells them apart; a logistic regression on all of them does. Its
weights are of ``scripts/make_child_voice``, which says how well it tells speakers it never heard.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from speechsearch.monitoring.sound import NAN, Floats

WEIGHTS_FILE = "child_voice.json"
MOST_DEVIATIONS = 3.0
"""A feature further out counts as this far: another microphone is no child"""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Of the standardised features and of 1; the features as ``voice_features`` has them."""

    means: Floats
    deviations: Floats
    weights: Floats
    offset: float

    def standard(self, features: Floats) -> Floats:
        """Of float64 [..., features]: in deviations; 0 where there is no value."""
        places = np.nan_to_num((features - self.means) / self.deviations)
        standard: Floats = np.clip(places, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return standard


def voice_features(pooled: Sequence[float], pitch_hz: float) -> Floats:
    """float64 [len(pooled) + 1]: the spectrum and how it moves, and the pitch in octaves."""
    return np.append(np.asarray(pooled, np.float64), np.log2(pitch_hz))


def child_likeness(pooled: Sequence[float], pitch_hz: float) -> float:
    """How likely a child of 6 to 11 spoke, 0..1, NaN where nothing was heard.

    As if as many children spoke as grown-ups.
    """
    features = voice_features(pooled, pitch_hz)
    if not np.isfinite(features[:-1]).all():
        return NAN
    fitted = _weights()
    logit = float(fitted.standard(features) @ fitted.weights) + fitted.offset
    return float(1 / (1 + np.exp(-logit)))


@cache
def _weights() -> Weights:
    text = files("speechsearch.monitoring").joinpath(WEIGHTS_FILE).read_text(encoding="utf-8")
    kept = json.loads(text)
    return Weights(
        means=np.array(kept["means"]),
        deviations=np.array(kept["deviations"]),
        weights=np.array(kept["weights"]),
        offset=float(kept["offset"]),
    )
