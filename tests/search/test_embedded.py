import os
import signal
import subprocess
import sys
import time

import pytest

from speechsearch.errors import SearchIndexError
from speechsearch.search import words
from speechsearch.search.embedded import EmbeddedIndex, build_index
from speechsearch.types import Entry

BOOKS = [
    Entry("moby", "Moby-Dick", ("The Whale",), fields={"author": "Herman Melville"}),
    Entry("emma", "Emma", fields={"author": "Jane Austen", "subjects": ["courtship"]}),
    Entry("pride", "Pride and Prejudice", fields={"author": "Jane Austen"}),
    Entry("alice", "Alice's Adventures in Wonderland", url="https://example.org/alice"),
    Entry("hunt", "The Hunting of the Snark", fields={"author": "Lewis Carroll"}),
]


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "books"
    build_index(BOOKS, folder)
    return EmbeddedIndex.open(folder)


def ids(index, query):
    return [index.entries[match.number].id for match in index.search(query, 10)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("moby dick", "moby"),
        ("the whale", "moby"),
        ("prejudise", "pride"),
        ("pride", "pride"),
        ("hunt snark", "hunt"),
        ("hunts", "hunt"),
        ("alices adventure", "alice"),
        ("wonder", "alice"),
        ("melville", "moby"),
        ("courtships", "emma"),
        ("EMMA", "emma"),
    ],
)
def test_words_find_their_book_stemmed_misspelt_or_begun(books, query, first):
    assert ids(books, query)[0] == first


def test_the_last_word_of_speech_is_a_whole_word(books):
    assert books.search("pri", 10)
    assert not books.search("pri", 10, typed=False)


def test_a_title_comes_before_other_fields(tmp_path):
    entries = [Entry("a", "Dogs", fields={"about": "cats"}), Entry("b", "Cats")]
    build_index(entries, tmp_path / "i")
    assert ids(EmbeddedIndex.open(tmp_path / "i"), "cats") == ["b", "a"]


@pytest.mark.parametrize(
    "query", ["", "   ", '"', "a AND", "title:x", "(+-&|!^~*?:\\/", "\0", "🙂"]
)
def test_any_text_is_a_legal_query(books, query):
    assert isinstance(ids(books, query), list)


def test_common_words_are_left_out_where_they_would_be_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "MOST_POSTINGS", 3)
    entries = [*(Entry(str(n), f"The Book {n}") for n in range(9)), Entry("hunt", "The Hunt")]
    build_index(entries, tmp_path / "i")
    index = EmbeddedIndex.open(tmp_path / "i")
    assert ids(index, "the hunt") == ["hunt"]
    assert len(ids(index, "the")) == len(entries)


def test_entries_come_back_as_they_went_in(books):
    assert list(books.entries) == BOOKS
    assert len(books) == len(BOOKS)


def test_an_empty_index_finds_nothing(tmp_path):
    build_index([], tmp_path / "i")
    assert ids(EmbeddedIndex.open(tmp_path / "i"), "emma") == []


def test_a_new_version_replaces_the_old_one_and_readers_of_the_old_go_on(tmp_path):
    folder = tmp_path / "i"
    build_index(BOOKS[:1], folder)
    old = EmbeddedIndex.open(folder)
    build_index(BOOKS[1:], folder)
    assert ids(old, "moby dick") == ["moby"]
    assert ids(EmbeddedIndex.open(folder), "moby dick") == []
    build_index(BOOKS, folder)
    assert len([path for path in folder.iterdir() if path.name.startswith("v-")]) == 2


def test_a_missing_index_says_how_to_build_it(tmp_path):
    with pytest.raises(SearchIndexError, match="speechsearch index FILE"):
        EmbeddedIndex.open(tmp_path / "none")


def test_a_damaged_index_is_refused(tmp_path):
    build_index(BOOKS, tmp_path / "i")
    entries = tmp_path / "i" / "current" / "base" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"Emma", b"Anna"))
    with pytest.raises(SearchIndexError, match="damaged"):
        EmbeddedIndex.open(tmp_path / "i")


def test_a_folder_that_holds_something_else_is_not_written_to(tmp_path):
    (tmp_path / "letters.txt").write_text("precious")
    with pytest.raises(SearchIndexError, match="no index"):
        build_index(BOOKS, tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "precious"


def test_a_build_that_is_killed_leaves_the_old_index_whole(tmp_path):
    folder = tmp_path / "i"
    build_index(BOOKS, folder)
    program = (
        "import sys; from pathlib import Path\n"
        "from speechsearch.search.embedded import build_index\n"
        "from speechsearch.types import Entry\n"
        "entries = [Entry(str(n), f'title {n}') for n in range(40_000)]\n"
        "print('go', flush=True)\n"
        "build_index(entries, Path(sys.argv[1]))\n"
    )
    build = subprocess.Popen(
        [sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True
    )
    assert build.stdout.readline() == "go\n"
    while len(list(folder.glob("v-*/tantivy/*.store"))) < 2 and build.poll() is None:
        time.sleep(0.01)
    os.kill(build.pid, signal.SIGKILL)
    build.communicate()
    assert ids(EmbeddedIndex.open(folder), "emma") == ["emma"]
    build_index(BOOKS[:2], folder)
    assert len(EmbeddedIndex.open(folder)) == 2
    assert len([path for path in folder.iterdir() if path.name.startswith("v-")]) == 2
