"""How large a step is, and how much the moving average keeps: functions of the step's number."""

from __future__ import annotations

import math

from speechsearch.learning.training.recipe import Optimiser


def rate_factor(step: int, options: Optimiser) -> float:
    """What the rates are multiplied with at step 0, 1, …: up along a line, down along a cosine."""
    warming = step - options.letters_first_steps + 1
    warm = min(1.0, max(0, warming) / max(1, options.warmup_steps))
    turned = 0.5 * (1 + math.cos(math.pi * min(1.0, step / options.steps)))
    return warm * (options.last_share + (1 - options.last_share) * turned)


def letters_factor(step: int, options: Optimiser) -> float:
    """The same for the layer that writes the letters, which may be trained alone at first."""
    return 1.0 if step < options.letters_first_steps else rate_factor(step, options)


def average_decay(step: int, most: float) -> float:
    """Decay of the moving average after step 0, 1, …: little at first, when all is still far off.

    Polyak and Juditsky 1992 average the weights; that the decay grows with the number of steps is
    how TensorFlow's ExponentialMovingAverage does it.
    """
    return min(most, (1 + step) / (10 + step))
