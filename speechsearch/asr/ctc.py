"""Greedy CTC: the best letter of each frame, repeats and blanks folded, as timed words.

Graves et al. 2006, "Connectionist Temporal Classification", best-path decoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.types import Hypothesis, LogProbs, Word


@dataclass(frozen=True, slots=True)
class Letter:
    """A run of frames with one best letter."""

    letter_id: int
    first_frame: int
    end_frame: int
    log_prob: float
    """Highest log-probability among its frames."""


def letters(log_probs: LogProbs, vocabulary: Vocabulary) -> list[Letter]:
    """The runs of letters and word delimiters, without what is never shown."""
    best = log_probs.argmax(axis=1)
    if not len(best):
        return []
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts, len(best))[1:]
    highest = np.maximum.reduceat(log_probs.max(axis=1), starts)
    runs = zip(*(one.tolist() for one in (best[starts], starts, ends, highest)), strict=True)
    return [Letter(*run) for run in runs if run[0] not in vocabulary.hidden_ids]


def greedy(
    log_probs: LogProbs, vocabulary: Vocabulary, timing: FrameTiming, offset_s: float = 0.0
) -> Hypothesis:
    """The best path as lower-case words.

    A word lasts from its first letter's first frame to its last letter's last; ``offset_s`` is
    where the audio begins on the session's time line. Its confidence is the geometric mean of its
    letters' posteriors, each the highest on the letter's frames; the whole's is that over all
    letters. No letters: empty text of confidence 0. Greedy gives one reading; n-best comes as
    several ``Hypothesis`` from the beam.
    """
    groups = _words(letters(log_probs, vocabulary), vocabulary.delimiter_id)
    words = tuple(
        Word(
            word="".join(vocabulary.letters[letter.letter_id] for letter in group).lower(),
            start_s=offset_s + timing.start_s(group[0].first_frame),
            end_s=offset_s + timing.start_s(group[-1].end_frame),
            confidence=_confidence(group),
        )
        for group in groups
    )
    return Hypothesis(
        text=" ".join(word.word for word in words),
        confidence=_confidence([letter for group in groups for letter in group]),
        words=words,
    )


def _words(run: Iterable[Letter], delimiter_id: int) -> list[list[Letter]]:
    """Split at the delimiter; no empty words."""
    groups: list[list[Letter]] = [[]]
    for letter in run:
        if letter.letter_id == delimiter_id:
            groups.append([])
        else:
            groups[-1].append(letter)
    return [group for group in groups if group]


def _confidence(run: list[Letter]) -> float:
    if not run:
        return 0.0
    return min(1.0, math.exp(sum(letter.log_prob for letter in run) / len(run)))
