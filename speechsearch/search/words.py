"""Words of entries in tantivy: BM25 over titles, aliases and all other fields."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tantivy

from speechsearch.search.index import TextMatch
from speechsearch.types import Entry

PROGRESS_EVERY = 500
WRITER_BYTES = 64_000_000
FUZZY_FROM_LETTERS = 4
MAX_WORDS = 40
"""Words of a query that are searched; nobody says more in one breath."""
MOST_POSTINGS = 100_000
"""Entries that hold the words of a query: of a large index the commonest words, which tell least,
are left out. At a million titles it halves the time."""

Spoken = Sequence[str]
"""The forms in which one entry is spoken"""

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


class Words:
    """The text index in a folder, as it was when it was opened."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError, OSError where it cannot be read."""
        self._index = _open(folder)
        self._searcher = self._index.searcher()

    def search(self, query: str, limit: int, *, typed: bool = True) -> list[TextMatch]:
        """Entries that share words with the query, best first; fuzzy and stemmed.

        ``typed``: the last word may be unfinished. A prefix of a letter or two reads a large part
        of the index, so who knows that it is a whole word says so.
        """
        words = _words_analyzer.analyze(_folded(query))[:MAX_WORDS]
        if not words or limit < 1:
            return []
        schema = self._index.schema
        parts = [
            _word_query(schema, word, unfinished=typed and place == len(words) - 1)
            for place, word in self._telling(words)
        ]
        return self._matches(
            tantivy.Query.boolean_query([(tantivy.Occur.Should, part) for part in parts]), limit
        )

    def _telling(self, words: list[str]) -> list[tuple[int, str]]:
        """The rarest words that are there, and all that are not, in their places."""
        held = [self._searcher.doc_freq("title", word) for word in words]
        kept, postings = set(), 0
        for place in sorted(range(len(words)), key=held.__getitem__):
            if postings and postings + held[place] > MOST_POSTINGS:
                break
            kept.add(place)
            postings += held[place]
        return [(place, word) for place, word in enumerate(words) if place in kept]

    def number(self, identity: str) -> int | None:
        """The entry with this id."""
        found = self._matches(tantivy.Query.term_query(self._index.schema, "id", identity), 1)
        return found[0].number if found else None

    def _matches(self, query: Any, limit: int) -> list[TextMatch]:
        found = self._searcher.search(query, limit, count=False).hits
        return [
            TextMatch(self._searcher.doc(address)["number"][0], score) for score, address in found
        ]


def write_words(
    folder: Path,
    entries: Iterable[tuple[int, Entry, Spoken]],
    removed: Iterable[str] = (),
    progress: Callable[[int], None] | None = None,
) -> None:
    """Take out the entries with the ids ``removed``, then add ``entries`` under their numbers."""
    index = _open(folder)
    writer = index.writer(WRITER_BYTES, 1)
    for identity in removed:
        writer.delete_documents_by_term("id", identity)
    done = 0
    for done, (number, entry, spoken) in enumerate(entries, 1):
        titles = _titles(entry, spoken)
        rest = " ".join(_texts(entry.fields))
        writer.add_document(
            tantivy.Document(
                id=entry.id, title=_folded(titles), title_stems=titles, rest_stems=rest,
                number=number,
            )
        )  # fmt: skip
        if progress and done % PROGRESS_EVERY == 0:
            progress(done)
    writer.commit()
    writer.wait_merging_threads()
    if progress:
        progress(done)


def clone_words(source: Path, target: Path) -> None:
    """A second index of the same words: segments never change and are linked, the rest copied."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix == ".json":
            shutil.copy2(path, target / path.name)
        elif path.suffix != ".lock":
            (target / path.name).hardlink_to(path)


def _open(folder: Path) -> tantivy.Index:
    index = tantivy.Index(_schema(), str(folder))
    index.register_tokenizer("words", _words_analyzer)
    index.register_tokenizer("stems", _stems_analyzer)
    return index


def _word_query(schema: Any, word: str, *, unfinished: bool) -> Any:
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
    if unfinished:
        ways.append(
            query.boost_query(query.fuzzy_term_query(schema, "title", word, 0, prefix=True), 1.5)
        )
    return query.disjunction_max_query(ways, 0.1)


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="words")
    builder.add_text_field("title_stems", tokenizer_name="stems")
    builder.add_text_field("rest_stems", tokenizer_name="stems")
    builder.add_unsigned_field("number", stored=True)
    return builder.build()


def _titles(entry: Entry, forms: Spoken) -> str:
    """Title and aliases, then the words in which they are spoken otherwise than written."""
    written = " ".join((entry.title, *entry.aliases))
    known = set(_words_analyzer.analyze(_folded(written)))
    forms = [form for form in forms if not form.startswith(f"{forms[0]} by ")]
    spoken = _folded(" ".join(forms)).split()
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
