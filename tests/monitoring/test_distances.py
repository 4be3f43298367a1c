"""Distances of samples, against scipy and by their properties."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from speechsearch.monitoring import distances as d

numbers = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=60).map(np.array)


def counted(reference, current):
    values = np.unique(np.concatenate([reference, current]))
    return [np.array([(one == v).sum() for v in values], float) for one in (reference, current)]


@settings(deadline=None)
@given(numbers, numbers)
def test_ks_is_scipys(reference, current):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its p, which nobody asks for
        expected = stats.ks_2samp(reference, current).statistic
    assert d.ks(*counted(reference, current)) == pytest.approx(expected)


@settings(deadline=None)
@given(numbers, numbers)
def test_the_rank_shift_is_the_u_statistic(reference, current):
    wins = (current[:, None] > reference).mean() + (current[:, None] == reference).mean() / 2
    assert d.rank_shift(*counted(reference, current)) == pytest.approx(abs(wins - 0.5))


@settings(deadline=None)
@given(numbers, numbers)
def test_psi_is_symmetric_and_not_negative(reference, current):
    a, b = counted(reference, current)
    assert float(d.psi(a, b)) == pytest.approx(float(d.psi(b, a)), abs=1e-9)
    assert d.psi(a, b) >= 0
    assert d.psi(a, a) == pytest.approx(0)


@settings(deadline=None)
@given(numbers)
def test_quantile_bins_hold_every_value_and_their_edges_ascend(values):
    edges = d.quantile_edges(values)
    bins = d.bin_of(values, edges)
    assert (np.diff(edges) > 0).all()
    assert ((bins > 0) & (bins < len(edges))).all()
    assert d.bin_of(np.array([values.min() - 1, values.max() + 1, np.nan]), edges).tolist() == [
        0, len(edges), -1,
    ]  # fmt: skip


def test_what_leaves_a_constant_is_seen_to_either_side():
    edges = d.quantile_edges(np.full(50, 8000.0))
    assert len(set(d.bin_of(np.array([3400.0, 8000.0, 8001.0]), edges))) == 3


def test_mmd_tells_two_clouds_apart_and_not_one_from_itself():
    random = np.random.default_rng(0)
    points = np.vstack([random.standard_normal((50, 3)), random.standard_normal((50, 3)) + 2])
    kernel = d.rbf_kernel(points, points, d.median_distance(points))
    first, second = kernel[:50], kernel[50:]
    apart = d.mmd2(first[:, :50].mean(), second[:, 50:].mean(), first[:, 50:].mean())
    assert apart > 0.3
    assert d.mmd2(first[:, :50].mean(), first[:, :50].mean(), first[:, :50].mean()) == 0
