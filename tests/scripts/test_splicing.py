import itertools
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.learning.table import Recording

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"


@pytest.fixture(scope="module")
def splicing():
    sys.path.insert(0, str(BENCH))
    try:
        import splicing
    finally:
        sys.path.remove(str(BENCH))
    return splicing


def brute_force(log_probs, letters, blank):
    """The best score of any path that folds to the letters."""
    frames, columns = log_probs.shape
    scores = [
        sum(log_probs[frame, column] for frame, column in enumerate(path))
        for path in itertools.product(range(columns), repeat=frames)
        if [key for key, _ in itertools.groupby(path) if key != blank] == letters
    ]
    return max(scores)


def score_of(spans, log_probs, letters, blank):
    path = np.full(len(log_probs), blank)
    for (first, end), letter in zip(spans, letters, strict=True):
        path[first:end] = letter
    return log_probs[np.arange(len(log_probs)), path].sum()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 2), min_size=1, max_size=3))
def test_the_alignment_is_the_best_of_all_paths(splicing, seed, letters):
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.ones(3), 6)).astype(np.float32)
    spans = splicing.align(log_probs, letters, 0)
    assert all(a < b for a, b in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    best = brute_force(log_probs, letters, 0)
    assert score_of(spans, log_probs, letters, 0) == pytest.approx(best, abs=1e-4)


def row(name, transcript):
    return Recording(Path(name), name, transcript)


def test_parts_are_words_in_a_row_that_only_one_title_has(splicing):
    titles = ["we saw the red house there", "we saw the blue house there", "the red house"]
    parts = splicing.choose_parts([row("a", titles[0]), row("c", titles[2])], titles)
    assert set(parts) == {"a"}
    for length in (2, 3):
        assert parts["a"].end - parts["a"].first in (2, 3), length
    [part] = splicing.only_parts([row("a", titles[0])], parts)
    assert part.item == titles[0]
    assert sum(part.transcript in title for title in titles) == 1


def test_a_carrier_is_spliced_before_the_speech_as_loud_as_it(splicing):
    if not shutil.which("flite"):
        pytest.skip("flite is not installed")
    random = np.random.default_rng(0)
    speech = np.concatenate([np.zeros(8000), 0.2 * random.standard_normal(8000), np.zeros(8000)])
    speech = (speech + 1e-4 * random.standard_normal(24_000)).astype(np.float32)
    rows = [row("a", "the red house"), row("b", "so")]
    made = splicing.Carriers(rows).apply(speech, "a")
    carrier, voice = splicing.carrier_of(0)
    spoken = splicing.spoken(carrier, voice)
    assert len(made) > len(spoken) / 2 + 16_000
    assert np.array_equal(made[-16_000:], speech[-16_000:])
    first, _ = splicing.with_carriers(rows)
    assert (first.transcript, first.item) == (f"{carrier} the red house", "the red house")
