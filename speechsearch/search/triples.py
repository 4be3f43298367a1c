"""How likely each three letters in a row were said, whatever the best spelling is.

A model that spells by ear is often unsure, and its best path keeps one of its readings. So every
triple of letters is scored like a tiny title: its best CTC path anywhere in the sound, against the
best letter of every frame. All triples share their first letters, so that a frame costs one pass
over the 28^3 of them. Three letters with a blank between: keyword spotting (Fernandez, Graves and
Schmidhuber 2007) of letters for words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.search.alignment import NEVER, Floats

LETTERS = " abcdefghijklmnopqrstuvwxyz'"
"""What spellings are made of; a letter's code is its place"""
ALPHABET = len(LETTERS)
TRIPLES = ALPHABET**3
SPACE = 0
_FAR = np.float32(-30.0)
"""What no letter but the space costs before the first frame and after the last"""


def triple_scores(evidence: Floats, columns: npt.NDArray[np.int64], blank: int) -> Floats:
    """Best path of each triple against the best letter of each frame: float32 [TRIPLES], <= 0.

    ``evidence`` float32 [frames, columns], 0 for the best of a frame; ``columns`` [ALPHABET] is the
    column of each letter, -1 where the model lacks it. Silence around the utterance is a space.
    """
    frames = np.full((len(evidence) + 2, ALPHABET + 1), _FAR, np.float32)
    known = columns >= 0
    frames[1:-1, :-1][:, known] = evidence[:, columns[known]]
    frames[1:-1, -1] = evidence[:, blank]
    frames[0, SPACE] = frames[-1, SPACE] = 0
    best = np.full((ALPHABET * ALPHABET, ALPHABET), NEVER, np.float32)
    _spot(frames, best)
    return best.ravel()


@compiled
def _spot(frames, best):  # type: ignore[no-untyped-def]
    """``one``, ``two``, ``three``: the best path that ends in the first, second, third letter;
    ``one_paused``, ``two_paused``: that ends in the blank after it.
    """
    one = np.full(ALPHABET, NEVER, np.float32)
    one_paused = one.copy()
    two = np.full((ALPHABET, ALPHABET), NEVER, np.float32)
    two_paused = two.copy()
    three = np.full((ALPHABET * ALPHABET, ALPHABET), NEVER, np.float32)
    for frame in range(frames.shape[0]):
        row, silence = frames[frame], frames[frame, ALPHABET]
        for a in range(ALPHABET):
            for b in range(ALPHABET):
                pair = a * ALPHABET + b
                _third(three[pair], two[a, b], two_paused[a, b], b, row, best[pair])
                two_paused[a, b] = max(two_paused[a, b], two[a, b]) + silence
            after, paused, same = one[a], one_paused[a], one_paused[a]
            for b in range(ALPHABET):
                entering = max(after, paused) if b != a else same
                two[a, b] = max(two[a, b], entering) + row[b]
            one_paused[a] = max(paused, after) + silence
            one[a] = max(after, np.float32(0)) + row[a]


@compiled
def _third(three, before, paused, second, row, best):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """One frame of the triples of one pair: the last letter goes on or begins."""
    doubled = max(three[second], paused) + row[second]
    entering = max(before, paused)
    for c in range(ALPHABET):
        three[c] = max(three[c], entering) + row[c]
    three[second] = doubled
    for c in range(ALPHABET):
        best[c] = max(best[c], three[c])
