from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.trie import ROOT, build_trie, step
from speechsearch.errors import ModelError

COLUMNS = {chr(ord("a") + i): i + 5 for i in range(4)} | {"'": 63}


def walk(trie, text):
    node = ROOT
    for letter in text:
        node = step(trie, node, COLUMNS[letter]) if node >= 0 else node
    return node


@given(st.lists(st.text("abcd'", max_size=6), max_size=12), st.text("abcd'", max_size=6))
def test_a_walk_ends_where_a_spelling_was_put_and_nowhere_else(spellings, other):
    trie, at = build_trie(spellings, COLUMNS)
    assert [walk(trie, spelling) for spelling in spellings] == list(at)
    assert (walk(trie, other) >= 0) == any(s.startswith(other) for s in [*spellings, ""])
    assert [int(trie.depth[node]) for node in at] == [len(s) for s in spellings]


@given(st.lists(st.text("abcd'", min_size=1, max_size=6), max_size=12))
def test_shared_beginnings_are_there_once(spellings):
    trie, _ = build_trie(spellings, COLUMNS)
    assert len(trie.mask) == 1 + len({s[: i + 1] for s in spellings for i in range(len(s))})


def test_letters_without_a_column_are_left_out():
    trie, at = build_trie(["äab", "ab"], COLUMNS)
    assert at[0] == at[1] == walk(trie, "ab")


def test_a_column_past_the_sixty_fourth_is_refused():
    with pytest.raises(ModelError, match="64 letters"):
        build_trie(["a"], {"a": 64})
