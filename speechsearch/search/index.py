"""What an index is: entries by number, and a text search over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from speechsearch.search.layer import Layer
from speechsearch.types import Entry


@dataclass(frozen=True, slots=True)
class TextMatch:
    """An entry whose words match a query."""

    number: int
    """Position in ``Index.entries``"""
    score: float
    """BM25 with boosts; only the order within one query means anything"""


class Index(Protocol):
    """A catalogue that can be searched; immutable once open."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries ever, those of the layers in a row; matches name them by position."""
        ...

    @property
    def layers(self) -> Sequence[Layer]:
        """The entries with how they are spoken."""
        ...

    @property
    def removed(self) -> npt.NDArray[np.int64]:
        """Positions of entries that are no longer there, ascending"""
        ...

    def search(self, query: str, limit: int, *, typed: bool = True) -> list[TextMatch]:
        """Entries that share words with the query, best first; any text is legal.

        ``typed``: the last word may be unfinished.
        """
        ...

    def __len__(self) -> int:
        """Number of entries that are there."""
        ...
