import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import ConfigError, FolderInUse
from speechsearch.monitoring.history import MOST_NOTES, History
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import HOUR_S, TIERS, Point, Recorder, rolled, tier_for

NOW_S = 1_800_000_000.0


def point(series, at_s, *values):
    summary = Summary()
    for value in values:
        summary.add(value)
    return Point(series, int(at_s), summary)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(0.01, 100)), max_size=40))
def test_hours_hold_all_that_their_minutes_hold(values):
    recorder = Recorder()
    for at_s, value in values:
        recorder.add("x", value, at_s)
    hours = rolled(recorder.points(0), HOUR_S)
    assert sum(one.summary.count for one in hours) == len(values)
    assert all(one.at_s % HOUR_S == 0 for one in hours)


def test_what_was_measured_survives_a_restart_and_goes_on_in_the_same_minute(tmp_path):
    history = History(tmp_path)
    history.write([point("x", NOW_S, 1.0)])
    history.close()
    history, recorder = History(tmp_path), Recorder()
    recorder.restore(history.minutes(NOW_S - HOUR_S, NOW_S))
    recorder.add("x", 3.0, NOW_S + 1)
    history.write(recorder.changed())
    (found,) = history.read(NOW_S - HOUR_S, NOW_S + 1)
    assert (found.summary.count, found.summary.mean) == (2, 2.0)
    history.close()


def test_old_minutes_are_hours_and_older_ones_nothing():
    history = History(None)
    days = 24 * HOUR_S
    for age_s in (days, 10 * days, 100 * days):
        history.write([point("x", NOW_S - age_s + n, 1.0) for n in (0, 60)])
        history._rolled_s = 0
        history.tidy(NOW_S - age_s + HOUR_S)
    history.tidy(NOW_S)
    assert len(history.minutes(0, NOW_S)) == 2
    found = history.read(NOW_S - 89 * days, NOW_S)
    assert sum(one.summary.count for one in found) == 4


def test_the_hour_that_goes_on_is_seen_in_a_long_span_and_counted_once():
    history = History(None)
    history.write([point("x", NOW_S - minutes * 60, 1.0) for minutes in range(180)])
    history.tidy(NOW_S)
    found = history.read(NOW_S - 30 * 24 * HOUR_S, NOW_S)
    assert sum(one.summary.count for one in found) == 180


@given(st.floats(60, 89 * 24 * HOUR_S))
def test_any_span_is_some_hundred_points_at_the_most(span_s):
    tier, step_s = tier_for(NOW_S - span_s, NOW_S)
    assert tier in TIERS
    assert step_s % tier.step_s == 0
    assert span_s / step_s <= 400


def test_notes_are_kept_newest_first_and_bounded():
    history = History(None)
    history.note("alarm", [(str(n), n, {"n": n}) for n in range(MOST_NOTES + 5)])
    history.note("alarm", [("7", 7, {"n": -7})])
    notes = history.notes("alarm")
    assert len(notes) == MOST_NOTES
    assert (notes[0]["n"], notes[-1]["n"]) == (MOST_NOTES + 4, 5)
    assert {"n": -7} in notes


def test_two_servers_do_not_mix_their_histories(tmp_path):
    first = History(tmp_path)
    with pytest.raises(FolderInUse, match="another server"):
        History(tmp_path)
    first.close()
    History(tmp_path).close()


def test_a_damaged_or_foreign_file_is_said(tmp_path):
    (tmp_path / "history.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        History(tmp_path)
    (tmp_path / "history.sqlite").unlink()
    base = sqlite3.connect(tmp_path / "history.sqlite")
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(ConfigError, match="another version"):
        History(tmp_path)


def test_memory_forgets_what_the_history_has():
    recorder = Recorder(kept_s=HOUR_S)
    recorder.add("x", 1.0, NOW_S - 2 * HOUR_S)
    recorder.add("x", 2.0, NOW_S)
    assert len(recorder.changed()) == 2
    recorder.forget(NOW_S)
    assert recorder.window("x", 5 * HOUR_S, NOW_S).count == 1
    assert recorder.changed() == []
