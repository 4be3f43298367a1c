"""How far two samples lie apart: population stability index, Kolmogorov-Smirnov, kernel two-sample.

Each takes counts or kernel sums along the last axis, so that one sample or a thousand permuted ones
are the same call. What a distance means hangs on the sizes and on how alike the utterances of one
person are: ``permutation.py`` says that.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

BINS = 10
HALF = 0.5
"""Added to each bin's count, so that an empty one has a logarithm"""


def quantile_edges(values: Floats, bins: int = BINS) -> Floats:
    """Upper edges of bins that hold equal shares of float64 [n], NaN left out; ascending.

    Below the least and above the greatest value lie bins of their own, and a value that many share
    is a bin by itself, so that what leaves a constant is seen to either side.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(1)
    quantiles = np.quantile(known, np.linspace(0, 1, bins + 1), method="inverted_cdf")
    shared = quantiles[1:][np.diff(quantiles) == 0]
    below = np.nextafter(np.append(shared, quantiles[0]), -np.inf)
    edges: Floats = np.unique(np.concatenate([quantiles, below]))
    return edges


def bin_of(values: Floats, edges: Floats) -> Ints:
    """Which bin each value lies in, 0 to len(edges); -1 for NaN."""
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), -1)


def psi(reference: Floats, current: Floats) -> Floats:
    """Population stability index of counts [..., bins]: the symmetrised relative entropy.

    Karakoulas 2004, "Empirical Validation of Retail Credit-Scoring Models"; Jeffreys' divergence.
    """
    p, q = ((counts + HALF) / (counts + HALF).sum(-1, keepdims=True)
            for counts in (reference, current))  # fmt: skip
    index: Floats = ((p - q) * np.log(p / q)).sum(-1)
    return index


def ks(reference: Floats, current: Floats) -> Floats:
    """Kolmogorov-Smirnov distance of counts [..., values], the values ascending.

    Smirnov 1939; exact where each distinct value has a column. 0 where one side is empty.
    """
    p, q = (np.cumsum(counts, -1) for counts in (reference, current))
    some = (p[..., -1:] > 0) & (q[..., -1:] > 0)
    gap: Floats = np.abs(p / np.maximum(p[..., -1:], 1) - q / np.maximum(q[..., -1:], 1))
    largest: Floats = np.where(some, gap, 0.0).max(-1)
    return largest


def rank_shift(reference: Floats, current: Floats) -> Floats:
    """How far from 1/2 the chance lies that a current value is above one of the reference, 0..1/2.

    Of counts [..., values], the values ascending, ties half; Mann and Whitney 1947. By sessions, as
    here: Datta and Satten 2005, "Rank-Sum Tests for Clustered Data".
    """
    pairs = reference.sum(-1) * current.sum(-1)
    below = np.cumsum(reference, -1) - reference / 2
    above = (current * below).sum(-1) / np.maximum(pairs, 1)
    return np.where(pairs > 0, np.abs(above - 0.5), 0.0)


def median_distance(points: Floats) -> float:
    """Squared, between float64 [n, d]; 1 where all are one: the width of a kernel."""
    beside = _squared(points, points)[np.tri(len(points), k=-1, dtype=bool)]
    return (float(np.median(beside)) if len(beside) else 0.0) or 1.0


def rbf_kernel(left: Floats, right: Floats, width: float) -> Floats:
    """Gaussian kernel [m, n] of float64 [m, d] and [n, d].

    float32 inside: a quarter of the time, and 1e-6 is far below what permutations tell apart.
    """
    kernel: Floats = np.exp(_squared(left, right) / np.float32(-2 * width))
    return kernel


def _squared(left: Floats, right: Floats) -> Floats:
    """Distances, float32 [m, n]."""
    one, other = left.astype(np.float32), right.astype(np.float32)
    squares = np.square(one).sum(1)[:, None] + np.square(other).sum(1)
    distances: Floats = np.maximum(squares - 2 * one @ other.T, 0.0)
    return distances


def mmd2(within_reference: Floats, within_current: Floats, across: Floats) -> Floats:
    """Squared maximum mean discrepancy from mean kernel values: not below 0.

    Gretton et al. 2012, "A Kernel Two-Sample Test", equation 5 (the biased statistic).
    """
    return np.maximum(within_reference + within_current - 2 * across, 0.0)
