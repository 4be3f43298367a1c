"""Which utterances pass through the model together: about equally long ones, so many seconds.

A plan is a pure function of lengths, seed and epoch, so a training that was killed finds its place
again by two numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BLUR = 0.1
"""Lengths are blurred by so much before they are sorted, so that no two always meet"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training is: the next batch."""

    epoch: int = 0
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Utterances by their numbers, and where the next batch is."""

    epoch: int
    utterances: tuple[int, ...]
    after: Place


def epoch_batches(
    seconds: Sequence[float], times: Sequence[float], most_s: float, seed: int, epoch: int
) -> list[tuple[int, ...]]:
    """Batches of at most ``most_s``, the longest times how many; one alone may be longer.

    ``times`` says how often an utterance comes in an epoch: 2.3 is twice and,
    for 30 % of them, once more.
    """
    random = np.random.default_rng([seed, epoch])
    whole = np.floor(times).astype(int)
    rest = random.random(len(seconds)) < np.asarray(times) - whole
    drawn = np.repeat(np.arange(len(seconds)), whole + rest)
    blurred = np.asarray(seconds)[drawn] * random.uniform(1 - BLUR, 1 + BLUR, len(drawn))
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    longest_s = 0.0
    for number in drawn[np.argsort(blurred, kind="stable")].tolist():
        longest_s = max(longest_s, seconds[number])
        if batch and longest_s * (len(batch) + 1) > most_s:
            batches.append(tuple(batch))
            batch, longest_s = [], seconds[number]
        batch.append(number)
    if batch:
        batches.append(tuple(batch))
    return [batches[place] for place in random.permutation(len(batches))]


def batches_from(
    place: Place, seconds: Sequence[float], times: Sequence[float], most_s: float, seed: int
) -> Iterator[Batch]:
    """All batches from there on, epoch after epoch, without end."""
    epoch, first = place.epoch, place.batch
    while True:
        planned = epoch_batches(seconds, times, most_s, seed, epoch)
        for number in range(first, len(planned)):
            last = number + 1 == len(planned)
            after = Place(epoch + 1, 0) if last else Place(epoch, number + 1)
            yield Batch(epoch, planned[number], after)
        epoch, first = epoch + 1, 0
