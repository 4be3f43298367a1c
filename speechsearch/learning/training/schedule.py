"""How large a step is, and how much the moving average keeps: functions of the step's number and of
the share of the training that is done.
"""

from __future__ import annotations

import math

from speechsearch.learning.training.recipe import Optimiser


def share_done(step: int, worked_s: float, options: Optimiser) -> float:
    """How much of a training is behind it at step 0, 1, …: of its minutes where it has such, else
    of its steps; 1 and more is all of it.
    """
    if options.minutes is not None:
        return worked_s / (60 * options.minutes)
    return step / options.steps


def rate_factor(step: int, done: float, options: Optimiser) -> float:
    """What the rates are multiplied with: up along a line over the first steps, down along a
    cosine over the share that is done (Loshchilov and Hutter 2017).
    """
    warming = step - options.letters_first_steps + 1
    warm = min(1.0, max(0, warming) / max(1, options.warmup_steps))
    turned = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return warm * (options.last_share + (1 - options.last_share) * turned)


def letters_factor(step: int, done: float, options: Optimiser) -> float:
    """The same for the layer that writes the letters, which may be trained alone at first."""
    return 1.0 if step < options.letters_first_steps else rate_factor(step, done, options)


def average_decay(step: int, most: float) -> float:
    """Decay of the moving average after step 0, 1, …: little at first, when all is still far off.

    Polyak and Juditsky 1992 average the weights; that the decay grows with the number of steps is
    how TensorFlow's ExponentialMovingAverage does it.
    """
    return min(most, (1 + step) / (10 + step))
