"""The embedded index: tantivy files and the entries beside them, swapped in by one rename.

    DIR/current -> v-0123abcd          a symlink, replaced atomically
    DIR/v-0123abcd/manifest.json       sha256 of the entries
                   entries.json
                   tantivy/

A build that dies leaves only a folder that nothing points to; the next build sweeps it. A reader
keeps the version it opened: the one before the current is only removed by the build after.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import tantivy

from speechsearch.errors import SearchIndexError
from speechsearch.search.index import TextMatch
from speechsearch.types import Entry

SCHEMA_VERSION = 1
CURRENT = "current"
PROGRESS_EVERY = 500
WRITER_BYTES = 64_000_000
FUZZY_FROM_LETTERS = 4
MAX_WORDS = 40
"""Words of a query that are searched; nobody says more in one breath."""

_entries_decoder = msgspec.json.Decoder(list[Entry])
_words_analyzer = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    .filter(tantivy.Filter.lowercase())
    .filter(tantivy.Filter.ascii_fold())
    .build()
)
_stems_analyzer = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    .filter(tantivy.Filter.lowercase())
    .filter(tantivy.Filter.ascii_fold())
    .filter(tantivy.Filter.stemmer("english"))
    .build()
)


class Manifest(msgspec.Struct, frozen=True):
    """What a version of an index says of itself."""

    schema: int
    entries: int
    entries_sha256: str


def build_index(
    entries: Sequence[Entry], out: Path, progress: Callable[[int], None] | None = None
) -> None:
    """Write a new version of the index at ``out`` and make it the current one.

    Raises SearchIndexError where the place cannot be written or holds something else.
    """
    if out.exists() and not (out / CURRENT).is_symlink() and any(out.iterdir()):
        raise SearchIndexError(
            f"{out} holds something that is no index", hint="Choose an empty or new folder"
        )
    version = out / f"v-{secrets.token_hex(4)}"
    try:
        (version / "tantivy").mkdir(parents=True)
        _write_entries(entries, version)
        _write_tantivy(entries, version / "tantivy", progress)
        _make_current(version, out)
    except OSError as error:
        shutil.rmtree(version, ignore_errors=True)
        raise SearchIndexError(
            f"the index cannot be written: {error}", hint=f"Check space and rights at {out}"
        ) from error


class EmbeddedIndex:
    """An index that is open; it stays as it was when another version becomes current."""

    def __init__(self, entries: Sequence[Entry], index: tantivy.Index) -> None:
        self.entries = entries
        self._index = index
        self._searcher = index.searcher()

    @classmethod
    def open(cls, path: Path) -> EmbeddedIndex:
        """The current version; raises SearchIndexError where it is missing or damaged."""
        version = path / CURRENT
        try:
            version = version.resolve(strict=True)
            manifest = msgspec.json.decode((version / "manifest.json").read_bytes(), type=Manifest)
            data = (version / "entries.json").read_bytes()
            if hashlib.sha256(data).hexdigest() != manifest.entries_sha256:
                raise SearchIndexError(f"the index at {path} is damaged", hint="Build it again")
            index = tantivy.Index(_schema(), str(version / "tantivy"))
            _register(index)
            return cls(_entries_decoder.decode(data), index)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise SearchIndexError(
                f"there is no whole index at {path}: {error}",
                hint=f"Build it: speechsearch index FILE --out {path}",
            ) from error

    def __len__(self) -> int:
        return len(self.entries)

    def search(self, query: str, limit: int) -> list[TextMatch]:
        """Entries that share words with the query, best first; fuzzy, stemmed, last word prefix."""
        words = _words_analyzer.analyze(_folded(query))[:MAX_WORDS]
        if not words or limit < 1:
            return []
        schema = self._index.schema
        parts = [
            _word_query(schema, word, is_last=place == len(words) - 1)
            for place, word in enumerate(words)
        ]
        both = tantivy.Query.boolean_query([(tantivy.Occur.Should, part) for part in parts])
        found = self._searcher.search(both, limit).hits
        return [
            TextMatch(self._searcher.doc(address)["number"][0], score) for score, address in found
        ]


def _word_query(schema: Any, word: str, *, is_last: bool) -> Any:
    """The best of the ways in which an entry may hold a word; title before everything else."""
    query = tantivy.Query
    (stem,) = _stems_analyzer.analyze(word)[:1] or [word]
    ways = [
        query.boost_query(query.term_query(schema, "title", word), 3.0),
        query.boost_query(query.term_query(schema, "title_stems", stem), 2.0),
        query.boost_query(query.term_query(schema, "rest_stems", stem), 0.7),
    ]
    if len(word) >= FUZZY_FROM_LETTERS:
        ways.append(query.boost_query(query.fuzzy_term_query(schema, "title", word, 1), 1.5))
    if is_last:
        ways.append(
            query.boost_query(query.fuzzy_term_query(schema, "title", word, 0, prefix=True), 1.5)
        )
    return query.disjunction_max_query(ways, 0.1)


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("title", tokenizer_name="words")
    builder.add_text_field("title_stems", tokenizer_name="stems")
    builder.add_text_field("rest_stems", tokenizer_name="stems")
    builder.add_unsigned_field("number", stored=True)
    return builder.build()


def _register(index: tantivy.Index) -> None:
    index.register_tokenizer("words", _words_analyzer)
    index.register_tokenizer("stems", _stems_analyzer)


def _write_entries(entries: Sequence[Entry], version: Path) -> None:
    data = msgspec.json.encode(list(entries))
    manifest = Manifest(SCHEMA_VERSION, len(entries), hashlib.sha256(data).hexdigest())
    _write_safely(version / "entries.json", data)
    _write_safely(version / "manifest.json", msgspec.json.encode(manifest))


def _write_tantivy(
    entries: Sequence[Entry], folder: Path, progress: Callable[[int], None] | None
) -> None:
    index = tantivy.Index(_schema(), str(folder))
    _register(index)
    writer = index.writer(WRITER_BYTES, 1)
    for number, entry in enumerate(entries):
        titles = " ".join((entry.title, *entry.aliases))
        rest = " ".join(_texts(entry.fields))
        writer.add_document(
            tantivy.Document(
                title=_folded(titles), title_stems=titles, rest_stems=rest, number=number
            )
        )
        if progress and number % PROGRESS_EVERY == PROGRESS_EVERY - 1:
            progress(number + 1)
    writer.commit()
    writer.wait_merging_threads()
    if progress:
        progress(len(entries))


def _texts(value: object) -> list[str]:
    """All words in the other fields, nested ones included."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return [str(value)] if isinstance(value, str | int) else []


def _folded(text: str) -> str:
    """Apostrophes dropped, so that "alice's" and "alices" are one word, as they sound."""
    return re.sub(r"['\u2019]", "", unicodedata.normalize("NFC", text))


def _write_safely(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_current(version: Path, out: Path) -> None:
    """One rename; then sweep what neither the current nor the last reader needs."""
    before = (out / CURRENT).resolve() if (out / CURRENT).is_symlink() else None
    link = out / f"{version.name}.link"
    link.symlink_to(version.name)
    link.replace(out / CURRENT)
    folder = os.open(out, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    for old in out.iterdir():
        if old.name.startswith("v-") and old not in (version, before):
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.unlink(missing_ok=True)
