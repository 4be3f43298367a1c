"""Zero mean and unit variance, of all that was heard of an utterance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from speechsearch.types import Audio

_VARIANCE_FLOOR = 1e-7
"""As in transformers' Wav2Vec2FeatureExtractor."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Statistics of some audio, to be applied to it or to more of the same."""

    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, samples: Audio) -> Normalisation:
        """Measure at least one sample, float32 [samples]."""
        variance = samples.var(dtype=np.float64) + _VARIANCE_FLOOR
        return cls(float(samples.mean(dtype=np.float64)), math.sqrt(variance))

    def apply(self, samples: Audio) -> Audio:
        """Float32 [samples], normalised."""
        normalised: Audio = ((samples - self.mean) / self.scale).astype(np.float32)
        return normalised

    def drift(self, later: Normalisation) -> float:
        """How far ``later`` is: of the scale in nepers, of the mean in units of the scale, the
        larger.
        """
        louder = abs(math.log(later.scale / self.scale))
        return max(louder, abs(later.mean - self.mean) / self.scale)


def normalise(samples: Audio) -> Audio:
    """Zero mean and unit variance over the whole utterance."""
    return Normalisation.of(samples).apply(samples)
