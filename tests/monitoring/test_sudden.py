"""Sudden change, against river and by properties."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from speechsearch.monitoring.sudden import PageHinkley


def stream(seed, first=300, second=300, step=0.0):
    random = np.random.default_rng(seed)
    return np.concatenate([random.uniform(0, 0.6, first), random.uniform(0, 0.6, second) + step])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, -0.3]))
def test_page_hinkley_fires_where_rivers_does(seed, step):
    ours = PageHinkley(threshold=5, slack=0.05, least=30)
    theirs = drift.PageHinkley(min_instances=30, delta=0.05, threshold=5, alpha=1.0)
    for value in stream(seed, step=step):
        theirs.update(float(value))
        assert ours.update(float(value)) == theirs.drift_detected
