"""Choosing ``turns.WordEvidence``: a logistic regression on pairs of the fitted speakers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from endpoint_memory import RememberingPipeline
from endpoint_pairs import Pair
from endpoint_repair import heard_in_turn, is_fitted

from speechsearch.turns import WordEvidence
from speechsearch.types import Result

Floats = npt.NDArray[np.float64]
NAMES = ("offset", "of_words", "of_nats", "of_pause")
RIDGE = 1e-3
"""Of the mean square of the weights"""


def features(first: Result, second: Result, apart_nats: float) -> list[float] | None:
    """What ``turns`` looks at, as it bounds it; None where there are no words."""
    bounds = WordEvidence()
    ahead, behind = ((r.hypotheses[0].words if r.hypotheses else ()) for r in (first, second))
    if not ahead or not behind:
        return None
    pause_s = behind[0].start_s - ahead[-1].end_s
    return [
        1.0,
        min(len(ahead), len(behind), bounds.most_words),
        float(np.clip(apart_nats, -bounds.most_nats, bounds.most_nats)),
        float(np.clip(pause_s, 0, bounds.most_pause_s)),
    ]


def fit(
    pairs: Sequence[Pair], pipeline: RememberingPipeline, progress: Callable[[str], None]
) -> dict[str, float]:
    """The weights; cuts at real pauses count as much as those made, each table as any other."""
    rows, groups = [], []
    for place, pair in enumerate(pairs, 1):
        progress(f"{place}/{len(pairs)} pairs")
        if pair.truth == "noise" or not is_fitted(pair.speaker):
            continue
        spoken = heard_in_turn(pair, pipeline)
        found = features(*pipeline.alone(spoken))
        if found:
            rows.append(found)
            groups.append((pair.table, pair.truth, pair.kind == "pause"))
    sizes = Counter(groups)
    kinds = Counter(group[:2] for group in sizes)
    weights = np.array([1 / sizes[group] / kinds[group[:2]] for group in groups])
    two = np.array([truth == "two" for _, truth, _ in groups], float)
    found = regression(np.array(rows), two, weights)
    return dict(zip(NAMES, (round(float(weight), 2) for weight in found), strict=True))


def regression(rows: Floats, targets: Floats, weights: Floats) -> Floats:
    """Logistic, by Newton's method: weights [features] for rows [n, features]."""
    weights = weights / weights.sum()
    ridge = RIDGE * np.diag([0.0, *np.ones(rows.shape[1] - 1)])
    found = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weights * (targets - chance)) - ridge @ found
        bend = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows + ridge
        found = found + np.linalg.solve(bend, slope)
    return found
