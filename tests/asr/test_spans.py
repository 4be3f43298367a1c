from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from speechsearch.asr.spans import spans
from tests.asr.letters import best_paths, log_probs


@given(log_probs())
def test_letters_lie_where_the_best_path_of_their_text_has_them(table):
    for text, (nats, path) in best_paths(table).items():
        letters = [{"a": 2, "b": 3, " ": 1}[c] for c in text]
        first, end = spans(table, np.array(letters, np.int64), 0, 1)
        assert len(first) == len(letters)
        assert list(first) == sorted(first)
        assert all(a < b for a, b in zip(first, end, strict=True))
        assert all(b <= a for b, a in zip(end, first[1:], strict=False))
        assert _nats(table, letters, first, end) == pytest.approx(nats, abs=1e-4), path


def _nats(table, letters, first, end):
    """Of the path with these spans and the best rest around them."""
    total, frame = 0.0, 0
    for place, (letter, a, b) in enumerate(zip(letters, first, end, strict=True)):
        total += _rest(table[frame:a], place, letters) + table[a:b, letter].sum()
        frame = b
    return total + _rest(table[frame:], len(letters), letters)


def _rest(rows, place, letters):
    gap = place in {0, len(letters)} or 1 in letters[place - 1 : place + 1]
    return float((rows[:, :2].max(axis=1) if gap else rows[:, 0]).sum())
