import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.wer import normalise
from speechsearch.search.spelling import MAX_LETTERS, MAX_SPELLINGS, letters, spellings


@pytest.mark.parametrize(
    ("title", "spoken"),
    [
        ("1984", {"nineteen eighty four", "one thousand nine hundred eighty four"}),
        ("Henry IV, Part 2", {"henry four part two", "henry the fourth part two"}),
        ("The 39 Steps", {"the thirty nine steps"}),
        ("Dr. Jekyll & Mr. Hyde", {"doctor jekyll and mister hyde"}),
        ("Moby-Dick; or, The Whale", {"moby dick or the whale", "moby dick"}),
        ("Bouvard et Pécuchet", {"bouvard et pecuchet"}),
        ("Dune (Dune, #1)", {"dune dune one", "dune"}),
        ("!!!", set()),
    ],
)
def test_a_title_is_spelled_the_ways_it_is_spoken(title, spoken):
    assert set(spellings(title)) == spoken


def test_aliases_are_spellings_too():
    assert "moby dick" in spellings("The Whale", ["Moby Dick"])


@given(st.text(max_size=300), st.lists(st.text(max_size=30), max_size=5))
def test_every_spelling_is_words_of_letters(title, aliases):
    found = spellings(title, aliases)
    assert len(found) <= MAX_SPELLINGS
    assert len(set(found)) == len(found)
    for spelling in found:
        assert re.fullmatch(r"[a-z]['a-z]*( [a-z]['a-z]*)*", spelling)
        assert len(spelling) <= MAX_LETTERS


@given(st.integers(0, 10**9))
def test_numbers_are_read_as_the_frozen_normaliser_reads_them(n):
    assert letters(str(n)).replace(" and ", " ") == normalise(str(n))
