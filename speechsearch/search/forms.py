"""How every entry may be asked for, as letters end to end: made at index time, mapped afterwards.

codes.npy     uint8 [letters], places in LETTERS
starts.npy    int64 [forms + 1], where each form begins in ``codes``
owners.npy    int32 [forms], the number of each form's entry, ascending
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speechsearch.search.spelling import letters, spellings
from speechsearch.search.triples import LETTERS
from speechsearch.types import Entry

MAKER_FIELDS = ("author", "authors", "artist", "director", "creator")
"""Columns that say who made it; the first name before a comma is spoken"""
_CODES = np.zeros(128, np.uint8)
_CODES[np.frombuffer(LETTERS.encode(), np.uint8)] = np.arange(len(LETTERS))


def spoken_forms(entry: Entry) -> list[str]:
    """How an entry may be asked for: its title, its aliases, and the title with who made it."""
    forms = list(spellings(entry.title, entry.aliases))
    makers = (entry.fields.get(name) for name in MAKER_FIELDS)
    maker = next((name for name in makers if isinstance(name, str) and name), "")
    if forms and maker:
        forms.append(letters(f"{forms[0]} by {maker.split(',')[0]}"))
    return forms


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """Forms end to end; the arrays may be files."""

    codes: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int32]

    @classmethod
    def of(cls, spoken: Iterable[Sequence[str]]) -> Forms:
        """``spoken``: for each entry its forms, of LETTERS only."""
        data = bytearray()
        lengths: list[int] = []
        counts: list[int] = []
        for forms in spoken:
            data += "".join(forms).encode()
            lengths += map(len, forms)
            counts.append(len(forms))
        return cls(
            codes=_CODES[np.frombuffer(bytes(data), np.uint8)],
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            owners=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        )

    @classmethod
    def load(cls, folder: Path) -> Forms:
        """What ``save`` wrote, mapped."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _FILES))

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        for name in _FILES:
            np.save(folder / f"{name}.npy", getattr(self, name))

    def __len__(self) -> int:
        return len(self.owners)

    def part(self, numbers: npt.NDArray[np.int64]) -> Forms:
        """Only the forms with these numbers, in this order."""
        first = self.starts[numbers]
        lengths = self.starts[numbers + 1] - first
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        where = np.arange(starts[-1]) + np.repeat(first - starts[:-1], lengths)
        return Forms(self.codes[where], starts, self.owners[numbers])

    def of_entries(self, entries: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Numbers of all forms of these entries."""
        low = np.searchsorted(self.owners, entries, "left")
        counts = np.searchsorted(self.owners, entries, "right") - low
        ends = np.cumsum(counts)
        numbers: npt.NDArray[np.int64] = np.arange(counts.sum()) + np.repeat(
            low - (ends - counts), counts
        )
        return numbers


_FILES = ("codes", "starts", "owners")
