"""A table of recordings: TSV with a header, one recording a row."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from speechsearch.errors import TableError

TRANSCRIPT_COLUMNS = ("transcript", "text")
_HINT = "Tab-separated, with a header: path, transcript, and item where the titles differ from it"


@dataclass(frozen=True, slots=True)
class Recording:
    """One row."""

    path: Path
    name: str
    """The path as the table has it"""
    transcript: str = ""
    """What is said; empty: unknown"""
    item: str = ""
    """Id of the entry that it asks for; empty: not said"""
    columns: Mapping[str, str] = field(default_factory=dict)
    """All columns as they came"""


def read_table(path: Path) -> list[Recording]:
    """All rows, paths relative to the table's folder.

    Raises TableError where it cannot be read, has no column ``path``, or a row does not fit.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", strict=True)
            if "path" not in (reader.fieldnames or ()):
                raise TableError(f"{path} has no column path", hint=_HINT)
            rows = [_recording(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"the table {path} cannot be read: {error}", hint=_HINT) from error
    if not rows:
        raise TableError(f"{path} has no recordings", hint=_HINT)
    return rows


def _recording(table: Path, line: int, row: dict[str, str]) -> Recording:
    if None in row or None in row.values():
        raise TableError(f"{table}:{line}: not as many columns as the first line", hint=_HINT)
    if not row["path"]:
        raise TableError(f"{table}:{line}: no path", hint=_HINT)
    said = (row[name].strip() for name in TRANSCRIPT_COLUMNS if name in row)
    return Recording(
        path=table.parent / row["path"],
        name=row["path"],
        transcript=next(said, ""),
        item=row.get("item", "").strip(),
        columns=row,
    )


def draw(recordings: list[Recording], most: int | None, seed: int) -> list[Recording]:
    """At most so many of them, in their order, the same ones for a seed; all for None."""
    if most is None or most >= len(recordings):
        return recordings
    chosen = np.random.default_rng(seed).choice(len(recordings), most, replace=False)
    return [recordings[place] for place in sorted(chosen)]
