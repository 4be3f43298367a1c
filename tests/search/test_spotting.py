import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.search.alignment import NEVER
from speechsearch.search.forms import Forms
from speechsearch.search.sound import (
    SoundOptions,
    all_paths,
    best_paths,
    evidence,
    pack,
)
from speechsearch.search.spotting import (
    SpottingOptions,
    in_turn,
    likelihood,
    places,
    whole_titles,
)
from speechsearch.search.triples import LETTERS
from tests.search.say import VOCABULARY, say

OPTIONS = SpottingOptions()
PRICES = OPTIONS.sound(SoundOptions())
COLUMNS = np.array([VOCABULARY.get(letter, -1) for letter in LETTERS], np.int64)
FRAMES_PER_LETTER = 3


def hear(text):
    return evidence(say(text), 0, COLUMNS, PRICES)


def titles(*texts):
    return whole_titles(pack(Forms.of([[text] for text in texts]), COLUMNS, PRICES))


words = st.text("abcdefg", min_size=3, max_size=8)


@given(words, words, words)
def test_a_title_is_placed_where_it_was_said(before, title, after):
    said = f"{before} x{title}x {after}"
    sound, states = hear(said), titles(f"x{title}x")
    first, end = places(sound, states)[0]
    start = FRAMES_PER_LETTER * said.index(f"x{title}x")
    assert abs(first - start) <= FRAMES_PER_LETTER
    assert abs(end - (start + FRAMES_PER_LETTER * (len(title) + 2))) <= FRAMES_PER_LETTER


@given(words, words)
def test_the_place_is_that_of_the_path_the_scorer_finds_best(said, title):
    sound, states = hear(said), titles(title, "gag")
    found = places(sound, states)
    scores = best_paths(sound, states)
    for form, (first, end) in enumerate(found):
        if scores[form] <= NEVER / 2:
            continue  # too long for the sound
        assert 0 <= first < end <= len(sound.frames)
        part = type(sound)(
            sound.frames[first:end], sound.before[first:end], sound.after[first:end],
            sound.whole, sound.blank,
        )  # fmt: skip
        assert best_paths(part, states)[form] == pytest.approx(scores[form], rel=1e-4, abs=1e-3)


def test_a_title_of_which_the_head_or_tail_is_missing_was_not_said():
    sound = hear("please open moby")
    cut, whole = all_paths(sound, titles("moby dick", "moby"))
    assert whole > cut + 10


@given(st.floats(0, 60), st.floats(0, 60), st.floats(1, 1e8), st.floats(1, 1e8))
def test_what_gains_more_or_had_fewer_chances_was_more_likely_said(gain, other, chances, further):
    low, high = sorted((gain, other))
    assert 0 <= likelihood(low, chances, OPTIONS) <= likelihood(high, chances, OPTIONS) <= 1
    few, many = sorted((chances, further))
    assert likelihood(gain, many, OPTIONS) <= likelihood(gain, few, OPTIONS)


spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda s: (s[0], s[0] + s[1])),
    min_size=1,
    max_size=20,
)


@given(spans)
def test_every_title_is_shown_once_the_best_first_and_then_those_of_other_stretches(places):
    order = in_turn(np.array(places), 60, OPTIONS)
    assert sorted(order) == list(range(len(places)))
    assert order[0] == 0
    assert list(order[OPTIONS.apart :]) == sorted(order[OPTIONS.apart :])


def test_a_title_that_tells_the_same_comes_after_one_that_tells_something_else():
    assert list(in_turn(np.array([(0, 10), (1, 9), (20, 30)]), 40, OPTIONS)) == [0, 2, 1]
