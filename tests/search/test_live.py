import threading

import pytest

from speechsearch.errors import SearchIndexError
from speechsearch.search.embedded import EmbeddedIndex, build_index, update_index
from speechsearch.search.live import Live
from speechsearch.types import Entry

BOOKS = [Entry("moby", "Moby Dick"), Entry("emma", "Emma")]
PATIENT_S = 60


@pytest.fixture
def folder(tmp_path):
    build_index(BOOKS, tmp_path / "i")
    return tmp_path / "i"


def titles(index):
    return sorted(entry.title for entry in index)


def test_the_next_query_sees_an_update(folder):
    live = Live(folder, titles, PATIENT_S)
    update_index(folder, [Entry("drac", "Dracula")], ["emma"])
    assert live.current() == ["Dracula", "Moby Dick"]


def test_nothing_is_made_again_while_nothing_changes(folder):
    made = []
    live = Live(folder, made.append, PATIENT_S)
    for _ in range(5):
        live.current()
    assert len(made) == 1


def test_queries_go_on_with_the_old_index_while_the_new_one_is_made(folder):
    go_on = threading.Event()
    go_on.set()

    def slowly(index):
        assert go_on.wait(PATIENT_S)
        return titles(index)

    live = Live(folder, slowly, patience_s=0)
    go_on.clear()
    build_index([Entry("drac", "Dracula")], folder)
    assert live.current() == live.current() == ["Emma", "Moby Dick"]
    go_on.set()
    assert live.refresh() == live.current() == ["Dracula"]


def test_a_damaged_version_is_passed_over_until_a_whole_one_comes(folder):
    live = Live(folder, titles, PATIENT_S)
    build_index([Entry("drac", "Dracula")], folder)
    entries = folder / "current" / "base" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"Dracula", b"Draculo"))
    assert live.current() == ["Emma", "Moby Dick"]
    assert "damaged" in str(live.last_error)
    with pytest.raises(SearchIndexError):
        live.refresh()
    build_index(BOOKS[:1], folder)
    assert live.current() == ["Moby Dick"]
    assert live.last_error is None


def test_no_query_is_lost_while_versions_come_and_go(folder):
    live = Live(folder, lambda index: index, patience_s=0)
    wrong, done = [], threading.Event()

    def ask():
        while not done.is_set():
            index = live.current()
            found = [index.entries[match.number].id for match in index.search("moby dick", 5)]
            if found[:1] != ["moby"]:
                wrong.append(found)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(5):
        update_index(folder, [Entry(f"x{number}", f"Emma {number}")])
        build_index([*BOOKS, Entry("n", str(number))], folder)
    done.set()
    asking.join()
    assert wrong == []
    assert len(live.refresh()) == 3


def test_a_missing_index_is_refused_at_once(tmp_path):
    with pytest.raises(SearchIndexError):
        Live(tmp_path, EmbeddedIndex.__len__)
