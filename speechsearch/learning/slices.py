"""Recordings that have something in common: by a column's values, or by spans of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from speechsearch.errors import TableError
from speechsearch.learning.measures import Bootstrap, Outcome, figures
from speechsearch.learning.table import Recording

EDGES: dict[str, tuple[float, ...]] = {
    "age": (12, 16, 20, 30, 45, 60),
    "seconds": (2, 3, 4, 6, 10, 20),
    "snr_db": (0, 5, 10, 15, 20, 30),
    "words": (2, 3, 4, 6, 9, 13, 21),
}
"""Where spans of well-known numbers begin; others are cut at their quartiles"""
NOT_BY_DEFAULT = frozenset(
    {"path", "transcript", "text", "item", "t0", "t0_spread", "licence", "license", "source",
     "labels", "slots", "keywords"}
)  # fmt: skip
DERIVED: dict[str, Callable[[Outcome], str]] = {
    "seconds": lambda outcome: f"{outcome.seconds:.2f}",
    "words": lambda outcome: str(outcome.errors.words) if outcome.errors else "",
    "utterances": lambda outcome: str(len(outcome.heard.timings_ms)),
}
"""Columns that every table has, its own coming first"""
FEW_VALUES = 8
"""Numbers with no more distinct values are told apart one by one"""
FEWEST_PER_VALUE = 3
"""Recordings a value must have, on average, for its column to be looked at unasked"""
FEWEST_TO_RANK = 10
"""Recordings a slice must have to be listed among the worst of all"""
NONE = "(none)"

Slices = dict[str, dict[str, dict[str, Any]]]
"""Figures by column and value"""


@dataclass(frozen=True, slots=True)
class Slice:
    """One group, named, with its figures."""

    column: str
    value: str
    figures: dict[str, Any]


def sliced(outcomes: Sequence[Outcome], columns: Sequence[str], bootstrap: Bootstrap) -> Slices:
    """Figures of each value of each column (of those that tell something, if none is named).

    Worst first. Raises TableError for a column that is not there.
    """
    there = check_columns(columns, outcomes[0].recording)
    found: Slices = {}
    for column in columns or [name for name in there if name not in NOT_BY_DEFAULT]:
        groups = _groups(outcomes, column)
        if columns or _tells_something(groups, len(outcomes)):
            parts = {value: figures(group, bootstrap) for value, group in groups.items()}
            found[column] = dict(sorted(parts.items(), key=lambda part: badness(part[1])))
    return found


def check_columns(columns: Sequence[str], row: Recording) -> list[str]:
    """All columns there are; raises TableError where one of ``columns`` is not among them."""
    there = [*dict.fromkeys([*row.columns, *DERIVED])]
    for column in columns:
        if column not in there:
            raise TableError(
                f"the table has no column {column!r} to slice by", hint=f"It has {', '.join(there)}"
            )
    return there


def worst(slices: Slices, whole: dict[str, Any], most: int = 10) -> list[Slice]:
    """The slices of any column that are worse than the whole, if they are no mere handful."""
    everything = [
        Slice(column, value, part)
        for column, parts in slices.items()
        for value, part in parts.items()
        if part["n"] >= FEWEST_TO_RANK and badness(part)[:2] < badness(whole)[:2]
    ]
    return sorted(everything, key=lambda one: badness(one.figures))[:most]


def badness(part: dict[str, Any]) -> tuple[float, float, float]:
    """Sorts worst first: by what is found on top, then by words."""
    recall, wer = part["recall_at_1"], part["wer"]
    return (
        1.0 if recall is None else recall,
        0.0 if wer is None else -wer,
        -part["n"],
    )


def _tells_something(groups: dict[str, list[Outcome]], rows: int) -> bool:
    return 2 <= len(groups) <= rows / FEWEST_PER_VALUE


def _groups(outcomes: Sequence[Outcome], column: str) -> dict[str, list[Outcome]]:
    values = [_value(outcome, column) for outcome in outcomes]
    named = _named(values, column)
    groups: dict[str, list[Outcome]] = {}
    for value, outcome in zip(values, outcomes, strict=True):
        groups.setdefault(named(value), []).append(outcome)
    return groups


def _value(outcome: Outcome, column: str) -> str:
    columns = outcome.recording.columns
    return columns[column] if column in columns else DERIVED[column](outcome)


def _named(values: Iterable[str], column: str) -> Callable[[str], str]:
    """What a value's slice is called: itself, or the span of numbers it lies in."""
    given = [value for value in values if value]
    numbers = [number for number in map(_number, given) if number is not None]
    many = column in EDGES or len(set(numbers)) > FEW_VALUES
    if not numbers or len(numbers) < len(given) or not many:
        return lambda value: value or NONE
    edges = EDGES.get(column) or _quartiles(numbers)
    return lambda value: _span(float(value), edges) if value else NONE


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _quartiles(numbers: Sequence[float]) -> tuple[float, ...]:
    cuts = {float(f"{cut:.3g}") for cut in np.percentile(numbers, [25, 50, 75])}
    return tuple(sorted(cuts))


def _span(number: float, edges: Sequence[float]) -> str:
    if number < edges[0]:
        return f"<{edges[0]:g}"
    for low, high in pairwise(edges):
        if number < high:
            return f"{low:g} to <{high:g}"
    return f"{edges[-1]:g} or more"
