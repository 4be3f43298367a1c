import pytest

from speechsearch.errors import TableError
from speechsearch.learning.heard import NOT_FOUND, Expected, as_shown, rank_of
from speechsearch.types import Entry, Hit
from speechsearch.wire import messages as m
from tests.learning.made import recording


def final(utterance, text, *ids, continues=None):
    hits = tuple(Hit(one, one, 1.0, "sound") for one in ids)
    return m.Final(
        utterance=utterance, text=text, confidence=0.5, words=(), hypotheses=(), hits=hits,
        timings_ms={}, model="model@1", ear="ctc", end_sample=0, endpoint_reason="silence",
        continues=continues,
    ), {"decode": float(utterance)}  # fmt: skip


def test_texts_are_joined_and_the_hits_are_those_shown_last():
    heard = as_shown([final(1, "the red", "a", "b"), final(2, "house", "c"), final(3, "hm")])
    assert heard.text == "the red house hm"
    assert [hit.id for hit in heard.hits] == ["c"]
    assert [ms["decode"] for ms in heard.timings_ms] == [1, 2, 3]


def test_an_answer_that_a_later_one_takes_in_is_gone():
    answers = [
        final(1, "the red", "a"),
        final(2, "the red house", "b", continues=1),
        final(3, "the red house on the hill", "c", continues=2),
        final(4, "please"),
    ]
    heard = as_shown(answers)
    assert heard.text == "the red house on the hill please"
    assert [hit.id for hit in heard.hits] == ["c"]


def test_a_repair_that_finds_nothing_takes_the_hits_away():
    assert as_shown([final(1, "the", "a"), final(2, "the hm", continues=1)]).hits == ()


def test_nothing_heard_is_empty():
    assert (as_shown([]).text, as_shown([]).hits, as_shown([]).model) == ("", (), "")


CATALOGUE = [Entry("1", "Room 105"), Entry("2", "room one hundred five!"), Entry("3", "Else")]


def test_without_an_item_all_entries_titled_as_the_transcript_are_right():
    expected = Expected(CATALOGUE)
    assert expected.of(recording(transcript="Room one hundred and five")) == {"1", "2"}
    assert expected.of(recording(transcript="room", item="3")) == {"3"}
    assert expected.of(recording(transcript="not there")) == frozenset()
    assert expected.of(recording(transcript="", item="")) == frozenset()


def test_items_that_the_catalogue_has_not_are_told_and_all_of_them_are_a_mistake():
    expected = Expected(CATALOGUE)
    rows = [recording(item="3"), recording(item="9"), recording(item="")]
    assert expected.unknown_items(rows) == ["9"]
    assert expected.of(rows[1]) == frozenset()
    with pytest.raises(TableError, match=r"'9'.*--index"):
        expected.unknown_items(rows[1:])
    assert expected.unknown_items(rows[2:]) == []


def test_the_rank_is_that_of_the_first_right_hit():
    hits = [Hit(one, one, 1.0, "sound") for one in "abc"]
    assert rank_of(hits, frozenset("cb")) == 2
    assert rank_of(hits, frozenset("z")) == NOT_FOUND
    assert rank_of([], frozenset("z")) == NOT_FOUND
    assert rank_of(hits, frozenset()) is None
