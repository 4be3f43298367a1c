"""Max-product CTC over many spellings at once: the one loop that costs time.

All spellings lie end to end in one array of states, a letter each; a frame is one pass over them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled

Floats = npt.NDArray[np.float32]
NEVER = np.float32(-1e30)
"""The price of what is impossible; finite, so that sums stay ordered"""
BLOCK_STATES = 2048
"""States in one pass: rows of floats that stay near the core"""


@compiled
def align(evidence, skips, blank, states, ends):  # type: ignore[no-untyped-def]
    """Best score of a path that ends in each state, skips on both sides included, into ``ends``.

    ``evidence`` float32 [frames, columns]; ``skips`` the prices of the sound before and after each
    frame, both float32 [frames]; ``states`` the letters (unsigned) and the prices ``after_blank``,
    ``after_letter`` and ``enter``, all [states]; ``ends`` float32 [states], NEVER at first.

    A block may begin inside a spelling: its last states are carried over, frame by frame.
    """
    letters, after_blank, after_letter, enter = states
    carried = np.full((2, evidence.shape[0]), NEVER, np.float32)
    rows = np.empty((4, BLOCK_STATES + 1), np.float32)
    for low in range(0, letters.shape[0], BLOCK_STATES):
        high = min(low + BLOCK_STATES, letters.shape[0])
        block = (
            letters[low:high],
            after_blank[low:high],
            after_letter[low:high],
            enter[low:high],
        )
        _align_block(evidence, skips, blank, block, ends[low:high], carried, rows)


@compiled
def _align_block(evidence, skips, blank, states, ends, carried, rows):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """One block: ``letter[s + 1]`` is the best path whose last frame is letter ``s``, ``pause[s +
    1]`` that whose last frame is the blank after it; slot 0 is the state before the block.
    """
    letters, after_blank, after_letter, enter = states
    before, after = skips
    size = letters.shape[0]
    rows[:2] = NEVER
    letter, pause, heard, coming = rows[0], rows[1], rows[2], rows[3]
    for frame in range(evidence.shape[0]):
        row = evidence[frame]
        letter[0], pause[0] = carried[0, frame], carried[1, frame]
        carried[0, frame], carried[1, frame] = letter[size], pause[size]
        for s in range(size):
            heard[s] = row[letters[s]]
        here, there = letter[1 : size + 1], pause[1 : size + 1]
        _enter_letters(
            (letter[:size], here, pause[:size]),
            (after_letter, after_blank, enter),
            heard, -before[frame], coming,
        )  # fmt: skip
        _leave_frame(here, there, coming, ends, row[blank], after[frame])


@compiled
def _enter_letters(paths, prices, heard, skip, coming):  # type: ignore[no-untyped-def]
    """Each letter in the next frame: from itself, the letter or the blank before, or the start."""
    before, here, paused = paths
    after_letter, after_blank, enter = prices
    for s in range(here.shape[0]):
        best = here[s]
        other = paused[s] + after_blank[s]
        best = other if other > best else best
        other = before[s] + after_letter[s]
        best = other if other > best else best
        other = enter[s] + skip
        best = other if other > best else best
        coming[s] = best + heard[s]


@compiled
def _leave_frame(here, there, coming, ends, silence, rest):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """Move on by a frame: blanks follow their letters, letters become what is coming."""
    for s in range(here.shape[0]):
        best, other = here[s], there[s]
        there[s] = (other if other > best else best) + silence
    for s in range(here.shape[0]):
        here[s] = coming[s]
        ended, best = coming[s] - rest, ends[s]
        ends[s] = ended if ended > best else best
