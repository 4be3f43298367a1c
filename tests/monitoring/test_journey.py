import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.monitoring.journey import Journey, JourneyOptions, Outcome, Search, likeness


def search(utterance, text, hits, at_s=0.0):
    return Search(utterance, text, tuple(hits), at_s)


GARDEN = search(1, "the cecret goadon", ["garden", "agent", "sharer"])


def test_much_the_same_said_again_soon_is_a_redo_though_nobody_said_so():
    journey = Journey()
    assert journey.answered(GARDEN) == []
    again = search(2, "the secret gardan", ["garden", "kim"], 8)
    assert journey.answered(again) == [Outcome(1, "redo")]


def test_other_letters_with_the_same_hits_are_the_same_search():
    again = search(2, "thee sicrt gdn", ["garden", "agent", "kim"], 8)
    assert likeness(GARDEN, again) >= 0.6


def test_what_is_best_now_and_was_third_before_was_wanted_then():
    journey = Journey()
    journey.answered(search(1, "hxq", ["agent", "sharer", "garden"]))
    assert journey.answered(search(2, "the secret garden", ["garden"], 8)) == [Outcome(1, "redo")]


def test_another_wish_is_no_redo():
    journey = Journey()
    journey.answered(GARDEN)
    other = search(2, "moby dick", ["moby"], 8)
    assert journey.answered(other) == [Outcome(1, "abandoned")]


def test_whatever_follows_an_answer_without_hits_is_a_redo():
    journey = Journey()
    journey.answered(search(1, "", []))
    assert journey.answered(search(2, "moby dick", ["moby"], 5)) == [Outcome(1, "redo")]


def test_after_the_window_it_is_no_redo():
    journey = Journey()
    journey.answered(GARDEN)
    later = search(2, GARDEN.text, GARDEN.hits, 31)
    assert journey.answered(later) == [Outcome(1, "abandoned")]


def test_a_click_is_counted_with_its_rank_and_only_once():
    journey = Journey()
    journey.answered(GARDEN)
    assert journey.told("click", 1, "agent") == [Outcome(1, "clicked", 2, told=True)]
    assert journey.told("click", 1, "garden") == []
    assert journey.answered(search(2, GARDEN.text, GARDEN.hits, 2)) == []


def test_typing_after_a_spoken_answer_is_a_switch_and_further_letters_are_none():
    journey = Journey()
    journey.answered(GARDEN)
    assert journey.typed(3) == [Outcome(1, "typed")]
    assert journey.typed(4) == []


def test_what_the_client_tells_is_not_detected_once_more():
    journey = Journey()
    journey.answered(GARDEN)
    assert journey.told("typed", 1, "") == [Outcome(1, "typed", told=True)]
    assert journey.typed(1) == []


def test_a_repaired_cut_is_one_search():
    journey = Journey()
    journey.answered(search(1, "the secret", ["agent"]))
    assert journey.answered(search(2, "the secret garden", ["garden"], 1), continues=1) == []
    assert journey.told("click", 2, "garden") == [Outcome(2, "clicked", 1, told=True)]


def test_who_leaves_has_abandoned():
    journey = Journey()
    journey.answered(GARDEN)
    assert journey.ended() == [Outcome(1, "abandoned")]
    assert journey.ended() == []


TEXTS = st.text("abc ", max_size=12)
HITS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)
SEARCHES = st.lists(st.tuples(TEXTS, HITS, st.floats(0, 60)), max_size=20)


@given(SEARCHES)
def test_every_answer_becomes_exactly_one_thing(searches):
    journey, now_s, outcomes = Journey(), 0.0, []
    for number, (text, hits, gap_s) in enumerate(searches, 1):
        now_s += gap_s
        outcomes += journey.answered(search(number, text, hits, now_s))
    outcomes += journey.ended()
    assert [one.utterance for one in outcomes] == list(range(1, len(searches) + 1))


@given(TEXTS, HITS, TEXTS, HITS)
def test_likeness_lies_in_0_to_1_and_a_search_is_like_itself(text, hits, other, others):
    first, second = search(1, text, hits), search(2, other, others)
    assert 0 <= likeness(first, second) <= 1
    if text or hits:
        assert likeness(first, first) == 1


def test_a_window_that_cannot_be_is_refused():
    with pytest.raises(ConfigError):
        JourneyOptions(window_s=0)
