"""Where in the audio the letters of a text are: the best CTC path of that text (Viterbi)."""

from __future__ import annotations

import numpy as np

from speechsearch.asr.compiled import compiled


@compiled
def spans(log_probs, letters, blank, delimiter):  # type: ignore[no-untyped-def]
    """First frame and end frame of each letter, both int64 [letters].

    ``letters`` columns of ``log_probs`` [frames, columns]. Where a word may end, the delimiter is
    as good as a blank: it may come twice, or before the first word. Fewer frames than the text
    needs: what is left over has no frames, and begins at the end.
    """
    frames, size = len(log_probs), 2 * len(letters) + 1
    best, coming = np.full(size, -np.inf), np.empty(size)
    moves = np.zeros((frames, size), np.uint8)
    best[0] = 0.0  # before the first frame, in the first blank
    for frame in range(frames):
        row = log_probs[frame]
        for s in range(size):
            coming[s], move = best[s], 0
            if s > 0 and best[s - 1] > coming[s]:
                coming[s], move = best[s - 1], 1
            skips = s > 2 and s % 2 == 1 and letters[s // 2] != letters[s // 2 - 1]
            if skips and best[s - 2] > coming[s]:
                coming[s], move = best[s - 2], 2
            moves[frame, s] = move
            coming[s] += (
                row[letters[s // 2]]
                if s % 2 == 1
                else _rest(row, letters, s // 2, blank, delimiter)
            )
        best[:] = coming
    return _trace(moves, size - 1 if best[size - 1] >= best[size - 2] else size - 2, len(letters))


@compiled
def _rest(row, letters, behind, blank, delimiter):  # type: ignore[no-untyped-def]
    """The best way to say nothing between letter ``behind - 1`` and letter ``behind``."""
    inside = 0 < behind < len(letters)
    if inside and letters[behind] != delimiter and letters[behind - 1] != delimiter:
        return row[blank]
    return max(row[blank], row[delimiter])


@compiled
def _trace(moves, state, size):  # type: ignore[no-untyped-def]
    """Read the path backwards from its last state."""
    first = np.full(size, len(moves))
    end = np.full(size, len(moves))
    for frame in range(len(moves) - 1, -1, -1):
        if state % 2 == 1:
            if first[state // 2] == len(moves):
                end[state // 2] = frame + 1
            first[state // 2] = frame
        state -= moves[frame, state]
    return first, end
