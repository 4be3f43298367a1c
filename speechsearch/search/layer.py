"""Entries on disk with how they are spoken and where their triples are: all mapped, none parsed.

    entries.jsonl   one entry a line
    offsets.npy     int64 [entries + 1], where each line begins
    ...             the arrays of ``Forms`` and ``Shortlist``

An index is one large layer, and a small one for what was added since.
"""

from __future__ import annotations

import mmap
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import overload

import msgspec
import numpy as np
import numpy.typing as npt

from speechsearch.search.forms import Forms
from speechsearch.search.shortlist import Shortlist
from speechsearch.types import Entry

ENTRIES = "entries.jsonl"
OFFSETS = "offsets.npy"

_decoder = msgspec.json.Decoder(Entry)


class _Numbered(Sequence[Entry]):
    """Entries by position, from either end, or a slice of them."""

    @abstractmethod
    def _at(self, at: int) -> Entry:
        """The entry at a position from 0."""

    @overload
    def __getitem__(self, number: int) -> Entry: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Entry]: ...
    def __getitem__(self, number: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        at = range(len(self))[number]
        return self._at(at)


class StoredEntries(_Numbered):
    """Entries decoded when they are asked for."""

    def __init__(self, data: bytes | mmap.mmap, offsets: npt.NDArray[np.int64]) -> None:
        self._data = data
        self._offsets = offsets

    @classmethod
    def load(cls, folder: Path) -> StoredEntries:
        """What ``save`` wrote."""
        with (folder / ENTRIES).open("rb") as file:
            empty = (folder / ENTRIES).stat().st_size == 0
            data = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(data, np.load(folder / OFFSETS, mmap_mode="r"))

    @staticmethod
    def save(entries: Sequence[Entry], folder: Path) -> None:
        """Write all entries."""
        offsets = np.zeros(len(entries) + 1, np.int64)
        with (folder / ENTRIES).open("wb") as file:
            for number, entry in enumerate(entries, 1):
                offsets[number] = offsets[number - 1] + file.write(msgspec.json.encode(entry))
                offsets[number] += file.write(b"\n")
        np.save(folder / OFFSETS, offsets)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def _at(self, at: int) -> Entry:
        return _decoder.decode(self._data[int(self._offsets[at]) : int(self._offsets[at + 1])])


class Chained(_Numbered):
    """Entries of several layers, one after the other."""

    def __init__(self, parts: Sequence[Sequence[Entry]]) -> None:
        self._parts = parts
        self._firsts = [0]
        for part in parts:
            self._firsts.append(self._firsts[-1] + len(part))

    def __len__(self) -> int:
        return self._firsts[-1]

    def _at(self, at: int) -> Entry:
        part = bisect_right(self._firsts, at) - 1
        return self._parts[part][at - self._firsts[part]]

    def __iter__(self) -> Iterator[Entry]:
        for part in self._parts:
            yield from islice(part, len(part))


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Some entries, how they are spoken, and the triples of that."""

    entries: Sequence[Entry]
    forms: Forms
    shortlist: Shortlist

    @classmethod
    def of(cls, entries: Sequence[Entry], spoken: Sequence[Sequence[str]]) -> Layer:
        """``spoken``: the forms of each entry."""
        forms = Forms.of(spoken)
        return cls(entries, forms, Shortlist.of(forms))

    @classmethod
    def load(cls, folder: Path) -> Layer:
        """What ``save`` wrote, mapped."""
        return cls(StoredEntries.load(folder), Forms.load(folder), Shortlist.load(folder))

    def save(self, folder: Path) -> None:
        """Write it into an empty or new folder."""
        folder.mkdir(exist_ok=True)
        StoredEntries.save(self.entries, folder)
        self.forms.save(folder)
        self.shortlist.save(folder)
