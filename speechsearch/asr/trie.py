"""A prefix tree of spellings in a few flat arrays: a bit mask of letters and one number a node.

Nodes lie level by level, the children of one side by side in the order of their columns, so that a
child is found by counting the bits below its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.errors import ModelError

MAX_COLUMNS = 64
ROOT = 0


class Trie(NamedTuple):
    """Node 0 is the empty spelling; all [nodes]."""

    mask: npt.NDArray[np.uint64]
    """Bit ``c``: there is a child for column ``c``"""
    first: npt.NDArray[np.int32]
    """The child of the lowest column"""
    parent: npt.NDArray[np.int32]
    column: npt.NDArray[np.uint8]
    """The last letter"""
    depth: npt.NDArray[np.int32]
    """How many letters"""


def letter_columns(columns: Mapping[str, int]) -> dict[str, int]:
    """Columns by lower-case letter; ``ModelError`` for more than 64."""
    if max(columns.values(), default=0) >= MAX_COLUMNS:
        raise ModelError(
            f"The model has over {MAX_COLUMNS} letters", hint="Decode it greedily: decoder greedy"
        )
    return {letter.lower(): column for letter, column in columns.items()}


def build_trie(
    spellings: Sequence[str], columns: Mapping[str, int]
) -> tuple[Trie, npt.NDArray[np.int64]]:
    """The tree, and the node of each spelling; letters that have no column are left out."""
    known = letter_columns(columns)
    codes = [[known[c] for c in spelling if c in known] for spelling in spellings]
    lengths = np.array([len(code) for code in codes], np.int64)
    table = np.zeros((len(codes), int(lengths.max(initial=0))), np.int64)
    table[np.arange(table.shape[1]) < lengths[:, None]] = [c for code in codes for c in code]
    at = np.zeros(len(codes), np.int64)
    mask, first, parent = [np.zeros(1, np.uint64)], [np.zeros(1, np.int32)], [np.zeros(1, np.int64)]
    column, depth = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    above, nodes = 0, 1  # the first node of the level above, and of this one
    for level in range(table.shape[1]):
        longer = np.flatnonzero(lengths > level)
        keys, which = np.unique(
            at[longer] * MAX_COLUMNS + table[longer, level], return_inverse=True
        )
        parents, letters = np.divmod(keys, MAX_COLUMNS)
        np.bitwise_or.at(mask[-1], parents - above, np.uint64(1) << letters.astype(np.uint64))
        firsts = np.searchsorted(keys, np.arange(above, nodes) * MAX_COLUMNS)
        first[-1] = (nodes + firsts).astype(np.int32)
        at[longer] = nodes + which
        mask.append(np.zeros(len(keys), np.uint64))
        first.append(np.zeros(len(keys), np.int32))
        parent.append(parents)
        column.append(letters)
        depth.append(np.full(len(keys), level + 1))
        above, nodes = nodes, nodes + len(keys)
    return Trie(
        np.concatenate(mask), np.concatenate(first), np.concatenate(parent).astype(np.int32),
        np.concatenate(column).astype(np.uint8), np.concatenate(depth).astype(np.int32),
    ), at  # fmt: skip


@compiled
def step(trie, node, column):  # type: ignore[no-untyped-def]
    """The child of ``node`` for ``column``, or -1."""
    mask = trie.mask[node]
    bit = np.uint64(1) << np.uint64(column)
    if not mask & bit:
        return np.int64(-1)
    below = mask & (bit - np.uint64(1))
    count = np.int64(0)
    while below:
        below &= below - np.uint64(1)
        count += 1
    return np.int64(trie.first[node]) + count
