"""What of an utterance a second ear can have heard by the time it ends: its sound, cut at pauses.

A pause that speech goes on after settles the sound before it: that was heard while the person spoke
on, and at the end only the rest is left.

    start ──► pause ──► pause ──► the end, or so it seems
      │ settled │ too short │
      │         │   the rest, heard last  │

Parts are heard worse than the whole, which has more to go by: their text is a draft, shown until
the whole was heard (``scripts/bench_settled``).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from speechsearch.asr.model import FrameTiming
from speechsearch.asr.plausible import Fit, Judge, Judgement
from speechsearch.asr.second_ear import Reheard
from speechsearch.types import SAMPLE_RATE_HZ, Hypothesis, LogProbs, Word, ms_to_samples

T = TypeVar("T")
MOST_STARTS = 2
"""An utterance may turn out to go on with the sentence before it, or not: both are kept"""
SENTENCE_ENDS = ".?!"


@dataclass(frozen=True, slots=True)
class SettlingOptions:
    """How finely sound is cut."""

    least_ms: float = 3000
    """A part that is not the last: shorter ones are heard with what follows; they err more and
    leave the rest hardly shorter"""
    least_rest_ms: float = 1000
    """The last part: a shorter one is heard with the one before it"""


AS_A_WHOLE = SettlingOptions(least_ms=math.inf)
"""No part ever settles"""


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Sound on the session's time line, and what came of it."""

    start_sample: int
    end_sample: int
    heard: T

    @property
    def samples(self) -> int:
        """Its length."""
        return self.end_sample - self.start_sample


class Settling(Generic[T]):
    """The parts of one session's latest utterances."""

    def __init__(self, options: SettlingOptions | None = None) -> None:
        options = options or SettlingOptions()
        self._least = options.least_ms * SAMPLE_RATE_HZ / 1000
        self._least_rest = ms_to_samples(options.least_rest_ms)
        self._chains: OrderedDict[int, tuple[Part[T], ...]] = OrderedDict()

    def pause(
        self, start_sample: int, end_sample: int, hear: Callable[[int, int], T]
    ) -> tuple[Part[T], ...]:
        """The sound of an utterance up to a pause, in parts without a gap between them.

        ``hear`` is asked once, for the last of them; the others were heard before.
        """
        known = self._chains.pop(start_sample, ())
        before = [p for p in known if self.settles(p) and p.end_sample < end_sample]
        settled = [p for p in before if p.end_sample + self._least_rest <= end_sample]
        rest_from = settled[-1].end_sample if settled else start_sample
        parts = (*settled, Part(rest_from, end_sample, hear(rest_from, end_sample)))
        self._chains[start_sample] = parts if before == settled else tuple(before)
        while len(self._chains) > MOST_STARTS:
            self._chains.popitem(last=False)
        return parts

    def settles(self, part: Part[T]) -> bool:
        """Whether it is long enough to stand for itself where speech goes on after it."""
        return part.samples >= self._least


def judge_parts(
    judge: Judge,
    parts: Sequence[Part[Sequence[Reheard]]],
    log_probs: LogProbs,
    timing: FrameTiming,
) -> Judgement:
    """The parts' readings as one, if the sound says each of them; ``log_probs`` are of all parts.

    Otherwise why the first that is not believed is not.
    """
    origin, fits = parts[0].start_sample, list[Fit]()
    for place, part in enumerate(parts):
        first = (part.start_sample - origin) // timing.stride_samples
        end = (part.end_sample - origin) // timing.stride_samples
        frames = log_probs[first:] if place == len(parts) - 1 else log_probs[first:end]
        offset_s = (origin + first * timing.stride_samples) / SAMPLE_RATE_HZ
        judgement = judge.judge(part.heard, frames, offset_s)
        if judgement.fit is None:
            return judgement
        fits.append(judgement.fit)
    return Judgement(_joined(fits), "fits")


def _joined(fits: Sequence[Fit]) -> Fit:
    letters = sum(fit.letters for fit in fits)
    words = _flowing([fit.hypothesis.words for fit in fits])
    confidence = sum(fit.hypothesis.confidence * fit.letters for fit in fits) / letters
    return Fit(
        Hypothesis(" ".join(word.word for word in words), confidence, words),
        sum(fit.loss_nats * fit.letters for fit in fits) / letters,
        max(fit.worst_word_nats for fit in fits),
        letters,
    )


def _flowing(parts: Sequence[Sequence[Word]]) -> tuple[Word, ...]:
    """An ear ends each part with a full stop; where the next begins small, it was none."""
    words: list[Word] = []
    for part in parts:
        if words and part and part[0].word[:1].islower():
            last = words[-1]
            words[-1] = replace(last, word=last.word.rstrip(SENTENCE_ENDS) or last.word)
        words += part
    return tuple(words)
