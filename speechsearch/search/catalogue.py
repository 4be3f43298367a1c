"""Reads a catalogue: JSON Lines, or a table with a header (comma, semicolon or tab)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from speechsearch.errors import CatalogueError
from speechsearch.types import Entry

MAX_TITLE_CHARACTERS = 500
JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}
DELIMITERS = ",;\t"
_NEEDED = "Give the file a column `id` (unique) and a column `title`"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and why."""

    line: int
    """1-based, the line the row begins on"""
    reason: str


@dataclass(frozen=True, slots=True)
class CatalogueRead:
    """What a catalogue file holds: every row is in one of the two."""

    entries: tuple[Entry, ...]
    bad: tuple[BadRow, ...]


class _BadRowError(Exception):
    """Why one row cannot be used."""


def demo_catalogue() -> Path:
    """The packaged catalogue of books (JSON Lines)."""
    return Path(__file__).with_name("demo_books.jsonl")


def read_catalogue(path: Path, on_row: Callable[[int], None] | None = None) -> CatalogueRead:
    """Read all rows; ``on_row`` hears the number of rows read so far.

    Raises CatalogueError when the file cannot be read at all or none of its rows can be used.
    """
    text = _text(path)
    rows = _json_rows(text) if _is_json(path, text) else _table_rows(path, text)
    entries: dict[str, Entry] = {}
    bad: list[BadRow] = []
    for number, (line, row) in enumerate(rows, 1):
        try:
            entry = _entry(row, entries)
            entries[entry.id] = entry
        except _BadRowError as error:
            bad.append(BadRow(line, str(error)))
        if on_row is not None:
            on_row(number)
    if bad and not entries:
        raise CatalogueError(
            f"no row of {path} has an id and a title; line {bad[0].line}: {bad[0].reason}",
            hint=_NEEDED,
        )
    return CatalogueRead(tuple(entries.values()), tuple(bad))


def _text(path: Path) -> str:
    """The file as text; bytes that are not UTF-8 stay as lone surrogates, to be found per row."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise CatalogueError(
            f"cannot read the catalogue {path}: {error.strerror or error}",
            hint="Check the path and its permissions",
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _is_json(path: Path, text: str) -> bool:
    return path.suffix.lower() in JSON_SUFFIXES or text.lstrip()[:1] == "{"


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    for line, raw in enumerate(text.split("\n"), 1):
        if raw.strip():
            yield line, _json_row(raw)


def _json_row(raw: str) -> Any:
    if not _is_utf8(raw):
        return _BadRowError("not UTF-8 text")
    try:
        row = msgspec.json.decode(raw.encode())
    except (msgspec.DecodeError, RecursionError) as error:
        return _BadRowError(f"not valid JSON: {error}")
    return row if isinstance(row, dict) else _BadRowError("not a JSON object")


def _table_rows(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    head = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise CatalogueError(
            f"the first line of {path} is damaged: {error}", hint=_NEEDED
        ) from None
    names = [
        name.lower() if name.lower() in {"id", "title", "aliases", "url"} else name
        for name in names
    ]
    if not {"id", "title"} <= set(names):
        raise CatalogueError(f"{path} has no columns id and title, only {names}", hint=_NEEDED)
    yield from _cells(reader, names)


def _cells(reader: Any, names: list[str]) -> Iterator[tuple[int, Any]]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, _BadRowError(f"damaged, up to line {reader.line_num}: {error}")
            continue
        if cells:
            yield line, _table_row(cells, names)


def _table_row(cells: list[str], names: list[str]) -> Any:
    if not all(map(_is_utf8, cells)):
        return _BadRowError("not UTF-8 text")
    if len(cells) != len(names):
        return _BadRowError(f"{len(cells)} columns where the first line has {len(names)}")
    return dict(zip(names, cells, strict=True))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _entry(row: Any, taken: Container[str]) -> Entry:
    if isinstance(row, _BadRowError):
        raise row
    title = row.get("title")
    if not isinstance(title, str) or not title.strip():
        raise _BadRowError("no title")
    if len(title) > MAX_TITLE_CHARACTERS:
        raise _BadRowError(f"the title is longer than {MAX_TITLE_CHARACTERS} characters")
    known = {"id", "title", "aliases", "url"}
    return Entry(
        id=_id(row.get("id"), taken),
        title=title.strip(),
        aliases=_aliases(row.get("aliases")),
        url=_url(row.get("url")),
        fields={name: value for name, value in row.items() if name not in known},
    )


def _id(value: Any, taken: Container[str]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise _BadRowError("no id (a text or a whole number)")
    identity = str(value).strip()
    if identity in taken:
        raise _BadRowError(f"the id {identity!r} was already used above")
    return identity


def _aliases(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    names = value.split("|") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _BadRowError("aliases are neither a list of texts nor a text with | between them")
    return tuple(name.strip() for name in names if name.strip())


def _url(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BadRowError("the url is not a text")
    return value.strip()
