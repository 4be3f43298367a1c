"""Permutations of sessions between reference and window."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.monitoring.draws import Pool, draws, renumbered


def pool(reference, window):
    sessions = renumbered(np.array(reference), np.array(window))
    rows = np.random.default_rng(0).standard_normal((len(sessions), 3))
    return Pool(rows, sessions, len(reference), np.argsort(sessions, kind="stable"))


SESSIONS = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@given(SESSIONS, SESSIONS)
def test_sums_are_those_of_each_sessions_members(reference, window):
    sample = pool(reference, window)
    members = sample.sessions == np.arange(sample.sessions.max() + 1)[:, None]
    assert np.allclose(sample.summed(sample.values), members @ sample.values)
    for draw in draws(sample, 10, 3, np.random.default_rng(0)):
        few = (members & draw.kept) @ sample.values
        assert np.allclose(sample.summed(sample.values, draw.kept), few)


@given(SESSIONS, SESSIONS)
def test_as_many_sessions_are_in_the_window_each_time_and_first_those_that_were(reference, window):
    sample = pool(reference, window)
    first, *others = draws(sample, 20, 4, np.random.default_rng(0))
    seen = np.isin(np.arange(sample.sessions.max() + 1), sample.sessions[len(reference) :])
    assert np.array_equal(first.current[0], seen)
    for draw in (first, *others):
        assert (draw.current.sum(axis=1) == seen.sum()).all()


@given(SESSIONS, SESSIONS)
def test_a_session_that_enters_a_window_is_no_larger_than_those_there(reference, window):
    sample = pool(reference, window)
    largest = np.bincount(sample.sessions[len(reference) :]).max()
    for draw in draws(sample, 10, 3, np.random.default_rng(0)):
        kept = np.bincount(sample.sessions, draw.kept)
        assert (kept >= 1).all()
        assert (kept <= largest).all()
        assert np.allclose(draw.share * np.bincount(sample.sessions), kept)
