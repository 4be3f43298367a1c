"""Who is the reference, who comes before the change and who after."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import TableError
from speechsearch.learning.table import Recording
from speechsearch.replay.changes import parse_changes
from speechsearch.replay.traffic import Lengths, Tables, arrange

NOTHING = parse_changes([])


def table(speakers, each=5, prefix="s"):
    names = [f"{prefix}{n}" for n in range(speakers)]
    return [
        Recording(Path(f"{name}/{k}.wav"), f"{name}/{k}", columns={"speaker": name})
        for name in names
        for k in range(each)
    ]


def sessions(said):
    return {one.session for one in said}


tables = st.tuples(st.integers(2, 12), st.integers(1, 6)).map(lambda size: table(*size))
lengths = st.none() | st.integers(0, 60)
seeds = st.integers(0, 2**32)


@settings(deadline=None)
@given(tables, st.none() | tables, lengths, lengths, seeds)
def test_no_speaker_is_in_the_reference_and_in_the_traffic(before, after, first, second, seed):
    others = after and table(len(after), 1, "t")
    traffic = arrange(Tables(before, others), Lengths(first, second), NOTHING, seed)
    assert not sessions(traffic.reference) & sessions([*traffic.before, *traffic.after])
    assert traffic.reference


@settings(deadline=None)
@given(tables, st.integers(0, 60), st.integers(0, 60), seeds)
def test_as_many_utterances_come_as_are_asked_for(before, first, second, seed):
    traffic = arrange(Tables(before), Lengths(first, second), NOTHING, seed)
    assert (len(traffic.before), len(traffic.after)) == (first, second)


@settings(deadline=None)
@given(tables, seeds)
def test_every_row_comes_once_where_no_number_is_given(before, seed):
    traffic = arrange(Tables(before), Lengths(), NOTHING, seed)
    paths = [one.path for one in (*traffic.reference, *traffic.before, *traffic.after)]
    assert sorted(paths) == sorted(row.path for row in before)


@settings(deadline=None)
@given(tables, seeds)
def test_a_seed_gives_the_same_traffic_again(before, seed):
    first, second = (arrange(Tables(before), Lengths(9, 9), NOTHING, seed) for _ in range(2))
    assert first == second


def test_another_seed_splits_the_speakers_anew():
    references = [sessions(arrange(Tables(table(12)), Lengths(), NOTHING, seed).reference)
                  for seed in range(5)]  # fmt: skip
    assert len(set(map(frozenset, references))) > 1


def test_a_reference_that_is_given_takes_its_speakers_out_of_the_traffic():
    before = table(6)
    traffic = arrange(Tables(before, None, before[:10]), Lengths(), NOTHING, 0)
    assert sessions(traffic.reference) == {"s0", "s1"}
    assert sessions(traffic.before) | sessions(traffic.after) == {"s2", "s3", "s4", "s5"}


def test_what_changes_the_sound_is_done_from_the_change_on():
    changes = parse_changes(["gain=-20"])
    traffic = arrange(Tables(table(6)), Lengths(8, 8), changes, 0)
    assert not any(one.sound for one in (*traffic.reference, *traffic.before))
    assert {one.sound[0].values for one in traffic.after} == {(-20.0,)}


def test_a_recording_without_a_speaker_is_a_speaker_of_its_own():
    rows = [Recording(Path(f"{n}.wav"), f"{n}.wav") for n in range(8)]
    assert len(sessions(arrange(Tables(rows), Lengths(), NOTHING, 0).reference)) == 4


def test_a_reference_of_everybody_leaves_nobody_to_watch():
    with pytest.raises(TableError, match="no speaker is left"):
        arrange(Tables(table(3), None, table(3)), Lengths(), NOTHING, 0)
