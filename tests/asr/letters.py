"""A tiny alphabet, random log-probs, and every path there is: what decoders are held against."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.asr.parts import log_softmax

VOCABULARY = Vocabulary(("<pad>", "|", "a", "b"), 0, 1, frozenset({0}))
COLUMNS = {"a": 2, "b": 3}
TIMING = FrameTiming(stride_samples=320, receptive_field_samples=1200)


@st.composite
def log_probs(draw, most_frames=6, columns=4):
    frames = draw(st.integers(0, most_frames))
    seed, peak = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.5, 2, 6]))
    logits = np.random.default_rng(seed).standard_normal((frames, columns)) * peak
    return log_softmax(logits.astype(np.float32).reshape(frames, columns))


def folded(path):
    """The text of a path: repeats, then blanks folded, then the spaces between words."""
    kept = [VOCABULARY.letters[i] for i, _ in itertools.groupby(path) if i]
    return " ".join("".join(kept).replace("|", " ").split())


def brute_force(table):
    """log p(text) of every text, each the sum over all its paths."""
    total = {}
    for path in itertools.product(range(table.shape[1]), repeat=len(table)):
        nats = sum(float(row[i]) for row, i in zip(table, path, strict=True))
        text = folded(path)
        total[text] = np.logaddexp(total.get(text, -math.inf), nats)
    return total


def best_paths(table):
    """The best path of every text."""
    best = {}
    for path in itertools.product(range(table.shape[1]), repeat=len(table)):
        nats = sum(float(row[i]) for row, i in zip(table, path, strict=True))
        text = folded(path)
        if nats > best.get(text, (-math.inf,))[0]:
            best[text] = nats, path
    return best
