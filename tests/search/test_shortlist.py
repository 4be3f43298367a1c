import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.search.shortlist import Trigrams

TITLES = ["emma", "moby dick", "pride and prejudice", "", "treasure island", "the time machine"]


@pytest.mark.parametrize(
    ("heard", "number"),
    [("emma", 0), ("mobi dik", 1), ("prid an prejudis", 2), ("trasur eiland", 4)],
)
def test_what_is_spelt_by_ear_is_nearest_to_what_was_meant(heard, number):
    assert Trigrams(TITLES).nearest(heard, 3)[0] == number


def test_only_what_shares_letters_is_near():
    assert Trigrams(TITLES).nearest("zzz", 5).tolist() == []
    assert Trigrams([]).nearest("emma", 5).tolist() == []


def test_no_more_than_the_limit_are_near():
    assert len(Trigrams(["the a", "the b", "the c"]).nearest("the", 2)) == 2


@given(st.lists(st.text("ab' é", max_size=9), max_size=9), st.text(max_size=9))
def test_any_text_is_legal_and_each_number_comes_once(titles, heard):
    near = Trigrams(titles).nearest(heard, 99).tolist()
    assert len(near) == len(set(near))
    assert set(near) <= set(range(len(titles)))
