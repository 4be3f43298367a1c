"""Incremental updates against a dict that is told the same."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import SearchIndexError
from speechsearch.search import embedded
from speechsearch.search.embedded import EmbeddedIndex, Update, build_index, update_index
from speechsearch.search.ranking import Ranker
from speechsearch.types import Entry
from tests.search.say import VOCABULARY, say

IDS = st.sampled_from("abcde")
ENTRIES = st.builds(Entry, IDS, st.sampled_from(["emma", "moby dick", "dracula", "the odyssey"]))
CHANGES = st.tuples(
    st.lists(ENTRIES, max_size=3, unique_by=lambda entry: entry.id), st.sets(IDS, max_size=2)
)


@settings(max_examples=15, deadline=None)
@given(st.lists(CHANGES, max_size=4), st.sampled_from([0, 3, 100]))
def test_an_updated_index_is_what_a_dict_is(changes, merge_entries):
    told = {"a": Entry("a", "emma")}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "MERGE_ENTRIES", merge_entries)
        out = Path(folder) / "i"
        build_index([*told.values()], out)
        for entries, remove in changes:
            new = {entry.id: entry for entry in entries}
            away = remove - new.keys()
            expected = Update(
                len(new.keys() - told.keys()),
                len(new.keys() & told.keys()),
                len(away & told.keys()),
                tuple(sorted(away - told.keys())),
            )
            assert update_index(out, entries, remove) == expected
            told = {i: e for i, e in told.items() if i not in remove} | new
            check(EmbeddedIndex.open(out), told)


def check(index, told):
    assert {entry.id: entry for entry in index} == told
    assert len(index) == len(told)
    ranker = Ranker(index, VOCABULARY)
    for title in ("emma", "moby dick"):
        meant = {entry.id for entry in told.values() if entry.title == title}
        assert {index.entries[m.number].id for m in index.search(title, 9)} == meant
        hits = ranker.rank("", say(title))
        assert {hit.id for hit in hits if hit.title == title} == meant
        assert all(told[hit.id].title == hit.title for hit in hits)


def test_a_large_base_is_linked_not_written_again(tmp_path):
    build_index([Entry(str(n), f"title {n}") for n in range(50)], tmp_path / "i")
    before = inodes(tmp_path / "i" / "current" / "base")
    update_index(tmp_path / "i", [Entry("x", "Emma")], ["7"])
    assert inodes(tmp_path / "i" / "current" / "base") == before


def inodes(folder):
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def test_an_update_needs_an_index(tmp_path):
    with pytest.raises(SearchIndexError, match="no index"):
        update_index(tmp_path / "none", [Entry("x", "Emma")])


def test_an_old_reader_goes_on_after_updates_have_swept_its_version(tmp_path):
    build_index([Entry("m", "Moby Dick")], tmp_path / "i")
    old = EmbeddedIndex.open(tmp_path / "i")
    for number in range(3):
        update_index(tmp_path / "i", [Entry(str(number), "Emma")], ["m"])
    assert [entry.title for entry in old] == ["Moby Dick"]
    assert [match.number for match in old.search("moby", 3)] == [0]


def test_updates_that_are_killed_leave_a_whole_index(tmp_path):
    folder = tmp_path / "i"
    build_index([Entry("m", "Moby Dick")], folder)
    program = (
        "import sys, itertools; from pathlib import Path\n"
        "from speechsearch.search.embedded import update_index\n"
        "from speechsearch.types import Entry\n"
        "for n in itertools.count():\n"
        "    update_index(Path(sys.argv[1]), [Entry(str(n), f'Emma {n}')])\n"
        "    print(n, flush=True)\n"
    )
    told = 0
    for round_ in range(3):
        updating = subprocess.Popen(
            [sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True
        )
        for line in itertools.islice(updating.stdout, 3):
            told = max(told, int(line) + 1)
        time.sleep(0.004 * round_)
        os.kill(updating.pid, signal.SIGKILL)
        rest, _ = updating.communicate()
        told = max([told, *(int(line) + 1 for line in rest.split())])
        titles = {entry.title for entry in EmbeddedIndex.open(folder)}
        assert {"Moby Dick"} | {f"Emma {n}" for n in range(told)} <= titles
    update_index(folder, remove=["m"])
    assert len([path for path in folder.iterdir() if path.name.startswith("v-")]) == 2
