"""The embedded index: one version of a folder, a large layer and what was added or removed since.

base/         the entries that were indexed together, see ``Layer``
added/        those that came later; missing where none did
removed.npy   int64, numbers of entries that were removed or replaced, ascending
tantivy/      the words of all
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from speechsearch.errors import SearchIndexError
from speechsearch.search.forms import spoken_forms
from speechsearch.search.index import TextMatch
from speechsearch.search.layer import Chained, Layer
from speechsearch.search.versions import (
    Seen,
    current_version,
    link_files,
    new_version,
)
from speechsearch.search.words import Words, clone_words, write_words
from speechsearch.types import Entry

SCHEMA_VERSION = 2
BASE, ADDED, REMOVED, TANTIVY = "base", "added", "removed.npy", "tantivy"
MERGE_ENTRIES = 2000
MERGE_SHARE = 0.05
"""An update rewrites the whole where more entries than this, and than this share of all, were
added or removed since: until then its cost does not depend on how large the index is."""


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did."""

    added: int
    changed: int
    removed: int
    unknown: tuple[str, ...]
    """Ids that were to be removed and are not there"""


def build_index(
    entries: Sequence[Entry], out: Path, progress: Callable[[int], None] | None = None
) -> None:
    """Write a new version of the index at ``out`` and make it the current one.

    ``progress`` hears the number of entries written. Raises SearchIndexError where the place cannot
    be written or holds something else; the version in use stays whole whatever happens.
    """
    with _writing(out) as version:
        _write_whole(entries, version, progress)


def update_index(out: Path, entries: Sequence[Entry] = (), remove: Collection[str] = ()) -> Update:
    """Add entries, or replace those with the same id, and remove some: a new version.

    Raises SearchIndexError where there is no index, or it cannot be written.
    """
    wanted = {entry.id: entry for entry in entries}
    with _writing(out) as version:
        index = EmbeddedIndex.open(out)
        places = {identity: index.number(identity) for identity in {*wanted, *remove}}
        gone = {i: place for i, place in places.items() if place is not None}
        removed = np.union1d(index.removed, np.array(sorted(gone.values()), np.int64))
        layers = index.layers
        later = [*(layers[1].entries if len(layers) > 1 else ()), *wanted.values()]
        if len(later) + len(removed) > max(MERGE_ENTRIES, MERGE_SHARE * len(index)):
            kept = (e for e in index if e.id not in places)
            _write_whole([*kept, *wanted.values()], version, None)
        else:
            _write_later(index, version, later, removed, (list(gone), list(wanted.values())))
    changed = len(wanted.keys() & gone.keys())
    away = set(remove) - wanted.keys()
    return Update(
        added=len(wanted) - changed,
        changed=changed,
        removed=len(away & gone.keys()),
        unknown=tuple(sorted(away - gone.keys())),
    )


class EmbeddedIndex:
    """An index that is open; it stays as it was when another version becomes current."""

    def __init__(
        self, folder: Path, layers: Sequence[Layer], removed: npt.NDArray[np.int64], words: Words
    ) -> None:
        self.folder = folder
        """Of the version"""
        self.layers = layers
        self.removed = removed
        self.entries: Sequence[Entry] = Chained([layer.entries for layer in layers])
        self._words = words
        self._gone = frozenset(removed.tolist())
        self.seen: Seen = frozenset()

    @classmethod
    def open(cls, path: Path, seen: Seen = frozenset()) -> EmbeddedIndex:
        """The current version; raises SearchIndexError where it is missing or damaged.

        ``seen``: that of an index already open, whose files need not be checked again.
        """
        version, seen = current_version(path, SCHEMA_VERSION, seen)
        try:
            folders = [version / BASE, version / ADDED]
            layers = [Layer.load(folder) for folder in folders if folder.is_dir()]
            index = cls(version, layers, np.load(version / REMOVED), Words(version / TANTIVY))
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise SearchIndexError(
                f"the index at {path} cannot be opened: {error}",
                hint=f"Build it: speechsearch index FILE --out {path}",
            ) from error
        index.seen = seen
        return index

    def __len__(self) -> int:
        return len(self.entries) - len(self.removed)

    def __iter__(self) -> Iterator[Entry]:
        return (entry for n, entry in enumerate(self.entries) if n not in self._gone)

    def number(self, identity: str) -> int | None:
        """Position of the entry with this id; None where it is not there."""
        return self._words.number(identity)

    def search(self, query: str, limit: int, *, typed: bool = True) -> list[TextMatch]:
        """Entries that share words with the query, best first; fuzzy and stemmed.

        ``typed``: the last word may be unfinished.
        """
        return self._words.search(query, limit, typed=typed)


@contextmanager
def _writing(out: Path) -> Iterator[Path]:
    try:
        with new_version(out, SCHEMA_VERSION) as version:
            yield version
    except (OSError, ValueError) as error:
        raise SearchIndexError(
            f"the index cannot be written: {error}", hint=f"Check space and rights at {out}"
        ) from error


def _write_whole(
    entries: Sequence[Entry], version: Path, progress: Callable[[int], None] | None
) -> None:
    spoken = [spoken_forms(entry) for entry in entries]
    Layer.of(entries, spoken).save(version / BASE)
    np.save(version / REMOVED, np.zeros(0, np.int64))
    (version / TANTIVY).mkdir()
    rows = zip(range(len(entries)), entries, spoken, strict=True)
    write_words(version / TANTIVY, rows, progress=progress)


def _write_later(
    index: EmbeddedIndex,
    version: Path,
    later: Sequence[Entry],
    removed: npt.NDArray[np.int64],
    change: tuple[Sequence[str], Sequence[Entry]],
) -> None:
    """Link the base; ``later`` are all entries of the new ``added``, the last ones those added."""
    away, fresh = change
    link_files(index.folder / BASE, version / BASE)
    spoken = [spoken_forms(entry) for entry in later]
    if later:
        Layer.of(later, spoken).save(version / ADDED)
    np.save(version / REMOVED, removed)
    clone_words(index.folder / TANTIVY, version / TANTIVY)
    first = len(index.entries)
    rows = zip(range(first, first + len(fresh)), fresh, spoken[len(later) - len(fresh) :],
               strict=True)  # fmt: skip
    write_words(version / TANTIVY, rows, removed=away)
