import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.search import shortlist
from speechsearch.search.forms import Forms
from speechsearch.search.shortlist import Shortlist, ShortlistOptions
from speechsearch.search.triples import LETTERS, triple_scores
from tests.search.say import VOCABULARY, say

TITLES = ["emma", "moby dick", "pride and prejudice", "", "treasure island", "the time machine"]
COLUMNS = np.array([VOCABULARY[letter] for letter in LETTERS])


def forms(titles):
    return Forms.of([title] for title in titles)


def heard(text):
    log_probs = say(text)
    return triple_scores(log_probs - log_probs.max(axis=1, keepdims=True), COLUMNS, 0)


def near(titles, text, limit, **options):
    numbers, scores = Shortlist.of(forms(titles)).nearest(
        heard(text), limit, ShortlistOptions(**options)
    )
    assert scores.tolist() == sorted(scores, reverse=True)
    return numbers.tolist()


@pytest.mark.parametrize(
    ("text", "number"),
    [("emma", 0), ("mobi dik", 1), ("prid an prejudis", 2), ("trasur eiland", 4)],
)
def test_what_is_spelt_by_ear_is_nearest_to_what_was_meant(text, number):
    assert near(TITLES, text, 3)[0] == number


def test_only_what_shares_letters_is_near():
    assert near(TITLES, "zzz", 5) == []
    assert near([], "emma", 5) == []
    assert near(TITLES, "emma", 5, most_postings=0) == []


def test_no_more_than_the_limit_are_near():
    assert len(near(["the a", "the b", "the c"], "the", 2)) == 2


def test_blocks_of_forms_change_nothing(monkeypatch):
    titles = [f"the {a}{b}" for a in LETTERS[1:] for b in LETTERS[1:]]
    whole = near(titles, "the que", 5)
    numbers, _ = Shortlist.of(forms(["x"] * 2 * shortlist.BLOCK_FORMS + titles)).nearest(
        heard("the que"), 5
    )
    assert (numbers - 2 * shortlist.BLOCK_FORMS).tolist() == whole


def test_what_was_saved_is_what_is_loaded(tmp_path):
    kept = Shortlist.of(forms(TITLES))
    kept.save(tmp_path)
    found = Shortlist.load(tmp_path).nearest(heard("moby dick"), 3)
    assert [part.tolist() for part in found] == [
        part.tolist() for part in kept.nearest(heard("moby dick"), 3)
    ]


@given(st.lists(st.text("ab' ", max_size=9), max_size=9), st.text("ab' ", max_size=9))
def test_every_form_that_holds_a_triple_heard_comes_once(titles, text):
    padded = [f" {title} " for title in titles]
    triples = {f" {text} "[at : at + 3] for at in range(len(text))}
    holders = {n for n, title in enumerate(padded) if any(t in title for t in triples if text)}
    found = near(titles, text, 99)
    assert len(found) == len(set(found))
    assert holders <= set(found)
