"""Sum-product CTC over a few spellings: the same automaton as ``alignment``, all paths together.

In probabilities, not logarithms, so that a step is a multiplication and an addition; a path worse
than e^-700 against the best letters of its frames counts as impossible.
"""

from __future__ import annotations

import numpy as np

from speechsearch.asr.compiled import compiled
from speechsearch.search.alignment import NEVER


@compiled
def add_paths(evidence, skips, blank, states, totals):  # type: ignore[no-untyped-def]
    """Logarithm of the sum over all paths of each spelling into ``totals`` [spellings].

    ``evidence`` float64 [frames, columns] and ``skips``, those before and after each frame, both
    [frames], are probabilities; ``states`` the letters, ``starts`` [spellings + 1], and the
    logarithms ``after_letter``, ``enter`` and ``leave``, all [letters].
    """
    letters, starts, after_letter, enter, leave = states
    longest = np.int64(0)
    for spelling in range(len(totals)):
        longest = max(longest, starts[spelling + 1] - starts[spelling])
    rows = np.zeros((6, longest + 1))
    for spelling in range(len(totals)):
        low, high = starts[spelling], starts[spelling + 1]
        total = 0.0
        if high > low:
            prices = rows[3:, : high - low]
            for s in range(high - low):
                prices[0, s] = 0.0 if after_letter[low + s] == NEVER else 1.0
                prices[1, s] = np.exp(enter[low + s])
                prices[2, s] = np.exp(leave[low + s])
            total = _sum_paths(evidence, skips, blank, (letters[low:high], prices), rows[:3])
        totals[spelling] = np.log(total) if total > 0 else NEVER


@compiled
def _sum_paths(evidence, skips, blank, spelling, rows):  # type: ignore[no-untyped-def]
    """``letter[s + 1]``: all paths whose last frame is letter ``s``; ``pause[s + 1]``: whose last
    frame is the blank after it; slot 0 is before the spelling and stays empty.
    """
    before, after = skips
    letters, prices = spelling
    follows, enter, leave = prices[0], prices[1], prices[2]
    size = len(letters)
    rows[:] = 0.0
    letter, pause, coming = rows[0], rows[1], rows[2]
    total = 0.0
    for frame in range(evidence.shape[0]):
        row = evidence[frame]
        silence, start, rest = row[blank], before[frame], after[frame]
        for s in range(size):
            paths = letter[s + 1] + pause[s] + letter[s] * follows[s] + enter[s] * start
            coming[s] = paths * row[letters[s]]
        ended = 0.0
        for s in range(size):
            pause[s + 1] = (letter[s + 1] + pause[s + 1]) * silence
            letter[s + 1] = coming[s]
            ended += coming[s] * leave[s]
        total += ended * rest
    return total
