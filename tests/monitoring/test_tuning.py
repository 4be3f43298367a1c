"""Thresholds from histories whose truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.monitoring.rules import THRESHOLDS, Threshold
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import HOUR_S, MINUTE_S, Point
from speechsearch.monitoring.tuning import Past, TuningOptions, propose

START_S = 1_800_000_000
LEVEL = Threshold(-55, -48, -45, "below")
EMPTY = Threshold(0.2, 0.1, 0.07)


def points(series, values_of, steps, step_s=MINUTE_S, first_s=START_S):
    """``values_of(step)`` in each step."""
    made = []
    for step in range(steps):
        summary = Summary()
        for value in values_of(step):
            summary.add(float(value))
        if summary.count:
            made.append(Point(series, first_s + step * step_s, summary))
    return made


def level(mean=-30.0, minutes=2880, seed=0):
    random = np.random.default_rng(seed)
    return points("level_dbfs", lambda _: random.normal(mean, 4, 3), minutes)


def empty(share, minutes=2880, seed=0):
    random = np.random.default_rng(seed)
    return points("null_transcript", lambda _: random.random(3) < share, minutes)


def proposed(thresholds, minutes=(), hours=(), incidents=(), **options):
    def by_series(given):
        return {name: [p for p in given if p.series == name] for name in thresholds}

    past = Past(by_series(minutes), by_series(hours), incidents)
    return {one.rule: one for one in propose(past, thresholds, TuningOptions(**options))}


def test_limits_close_in_on_traffic_that_hardly_varies_and_do_not_cry_in_it():
    found = proposed({"level_dbfs": LEVEL}, level())["level_dbfs"]
    assert found.windows == 96
    assert LEVEL.warning < found.new.alert < found.new.warning < found.new.clear < -30
    assert (found.fired_new.warnings, found.fired_new.alerts) == (0, 0)


def test_what_the_new_limits_would_have_caught_and_the_old_did_not_is_said():
    quiet = [*level(minutes=2000), *_moved(level(mean=-42.0, minutes=120), 2000)]
    found = proposed({"level_dbfs": LEVEL}, quiet)["level_dbfs"]
    assert (found.fired_now.warnings, found.fired_now.alerts) == (0, 0)
    assert found.fired_new.alerts == 1


def _moved(given, minutes):
    return [Point(p.series, p.at_s + minutes * MINUTE_S, p.summary) for p in given]


def test_a_tenth_of_incidents_does_not_widen_the_limits():
    usual = proposed({"null_transcript": EMPTY}, empty(0.05))["null_transcript"].new
    bad = [*empty(0.05, 2650), *_moved(empty(0.6, 230, seed=1), 2650)]
    with_incident = proposed({"null_transcript": EMPTY}, bad)["null_transcript"].new
    assert with_incident.alert == pytest.approx(usual.alert, abs=0.06)


def test_incidents_that_were_acknowledged_are_left_out_altogether():
    bad = [*empty(0.05, 1400), *_moved(empty(0.6, 1480, seed=1), 1400)]
    raised_s = START_S + 1400 * MINUTE_S
    incident = {"metric": "null_transcript", "raised_s": raised_s, "cleared_s": None}
    kept = proposed({"null_transcript": EMPTY}, bad)["null_transcript"].new
    left_out = proposed({"null_transcript": EMPTY}, bad, incidents=[incident])
    assert left_out["null_transcript"].new.alert < 0.3 < kept.alert


def test_hours_count_where_the_minutes_are_gone():
    random = np.random.default_rng(0)
    hours = points("level_dbfs", lambda _: random.normal(-30, 4, 60), 200, HOUR_S)
    found = proposed({"level_dbfs": LEVEL}, hours=hours)["level_dbfs"]
    assert found.windows == 200
    assert found.new.warning > LEVEL.warning


def test_too_little_history_proposes_nothing_and_says_why():
    found = proposed({"level_dbfs": LEVEL}, level(minutes=300))["level_dbfs"]
    assert found.new is None
    assert "10 windows of 30 events" in found.why
    nothing = proposed(dict(THRESHOLDS))
    assert nothing.keys() == THRESHOLDS.keys()
    assert all(one.new is None for one in nothing.values())


def test_what_the_machine_bears_is_not_read_off_what_is_usual():
    random = np.random.default_rng(0)
    busy = points("cpu_share", lambda _: random.normal(0.3, 0.05, 4), 2880)
    found = proposed({"cpu_share": THRESHOLDS["cpu_share"]}, busy)["cpu_share"]
    assert (found.new, found.windows) == (None, 288)
    assert "machine" in found.why


def test_failures_that_never_happened_leave_room_for_chance():
    found = proposed({"null_transcript": EMPTY}, empty(0.0))["null_transcript"]
    assert 0 < found.new.clear < found.new.warning < found.new.alert < EMPTY.alert


@settings(deadline=None, max_examples=30)
@given(
    st.floats(0, 1), st.integers(0, 99), st.floats(0.01, 10), st.sampled_from(["above", "below"])
)
def test_limits_are_always_in_order_and_shares_within_0_and_1(share, seed, false_warnings, side):
    limits = (0.2, 0.1, 0.07) if side == "above" else (0.07, 0.1, 0.2)
    found = proposed(
        {"null_transcript": Threshold(*limits, side)}, empty(share, 1500, seed),
        warnings=false_warnings, alerts=false_warnings / 10,
    )["null_transcript"].new  # fmt: skip
    assert all(0 <= one <= 1 for one in (found.alert, found.warning, found.clear))


def test_fewer_false_alarms_mean_wider_limits():
    often, seldom = (
        proposed({"level_dbfs": LEVEL}, level(), warnings=wanted, alerts=wanted / 10)
        for wanted in (10.0, 0.1)
    )
    assert seldom["level_dbfs"].new.warning < often["level_dbfs"].new.warning
    with pytest.raises(ConfigError, match="false alerts"):
        TuningOptions(warnings=1, alerts=2)


def test_limits_of_two_days_keep_their_promise_in_the_month_after():
    """Ten minutes of one person at a time; one false warning in 30 days is borne."""
    random = np.random.default_rng(0)

    def spoken(days):
        people = random.normal(-30, 5, days * 144).repeat(10)
        means = people + random.normal(0, 2, len(people))
        return points("level_dbfs", lambda n: means[n] + np.array([-1, 0, 1]), len(means))

    fired = 0
    for _ in range(4):
        tuned = proposed({"level_dbfs": LEVEL}, spoken(2))["level_dbfs"].new
        fired += proposed({"level_dbfs": tuned}, spoken(30))["level_dbfs"].fired_now.warnings
    assert fired <= 4
