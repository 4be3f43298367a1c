"""The embedded index: tantivy files and the entries beside them, one version of a folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import tantivy

from speechsearch.errors import SearchIndexError
from speechsearch.search.index import TextMatch
from speechsearch.search.spelling import spellings
from speechsearch.search.versions import current_version, new_version
from speechsearch.types import Entry

SCHEMA_VERSION = 1
ENTRIES = "entries.json"
TANTIVY = "tantivy"
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


def build_index(
    entries: Sequence[Entry], out: Path, progress: Callable[[int], None] | None = None
) -> None:
    """Write a new version of the index at ``out`` and make it the current one.

    ``progress`` hears the number of entries written. Raises SearchIndexError where the place cannot
    be written or holds something else; the version in use stays whole whatever happens.
    """
    try:
        with new_version(out, SCHEMA_VERSION) as version:
            (version / ENTRIES).write_bytes(msgspec.json.encode(list(entries)))
            (version / TANTIVY).mkdir()
            _write_tantivy(entries, version / TANTIVY, progress)
    except (OSError, ValueError) as error:
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
        version = current_version(path, SCHEMA_VERSION)
        try:
            entries = _entries_decoder.decode((version / ENTRIES).read_bytes())
            index = tantivy.Index(_schema(), str(version / TANTIVY))
            _register(index)
            return cls(entries, index)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise SearchIndexError(
                f"the index at {path} cannot be opened: {error}",
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


def _write_tantivy(
    entries: Sequence[Entry], folder: Path, progress: Callable[[int], None] | None
) -> None:
    index = tantivy.Index(_schema(), str(folder))
    _register(index)
    writer = index.writer(WRITER_BYTES, 1)
    for number, entry in enumerate(entries):
        titles = _titles(entry)
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


def _titles(entry: Entry) -> str:
    """Title and aliases, then the words in which they are spoken otherwise than written."""
    written = " ".join((entry.title, *entry.aliases))
    known = set(_words_analyzer.analyze(_folded(written)))
    spoken = _folded(" ".join(spellings(entry.title, entry.aliases))).split()
    return " ".join([written, *dict.fromkeys(word for word in spoken if word not in known)])


def _texts(value: object) -> list[str]:
    """All words in the other fields, nested ones included."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return [str(value)] if isinstance(value, str | int) else []


def _folded(text: str) -> str:
    """Apostrophes dropped, so that "alice's" and "alices" are one word, as they sound."""
    whole = text.encode("utf-8", "replace").decode()
    return re.sub(r"['\u2019]", "", unicodedata.normalize("NFC", whole))
