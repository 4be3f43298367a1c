"""When an alarm is raised, and when it is over."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.monitoring.alarms import RUNBOOK, Alarm, AlarmOptions, Hysteresis
from speechsearch.monitoring.observation import METRICS, STAGES

chances = st.lists(st.floats(0, 1), max_size=60)
options = st.builds(
    AlarmOptions, alert_p=st.floats(0.001, 0.02), warning_p=st.floats(0.02, 0.1),
    clear_p=st.floats(0.1, 1), checks=st.integers(1, 4),
)  # fmt: skip


def raised(chances, options):
    state = Hysteresis(options)
    return [state.check(p) for p in chances]


def test_an_alert_takes_as_many_checks_as_are_wanted():
    assert raised([0.001] * 3, AlarmOptions(checks=2)) == [None, "alert", None]


def test_one_good_check_among_bad_ones_begins_anew():
    assert raised([0.001, 0.5, 0.001], AlarmOptions(checks=2)) == [None, None, None]


def test_a_warning_may_grow_into_an_alert_and_not_back():
    chances = [0.04, 0.04, 0.001, 0.001, 0.04, 0.04]
    assert raised(chances, AlarmOptions(checks=2)) == [
        None, "warning", None, "alert", None, None,
    ]  # fmt: skip


def test_what_was_cleared_may_be_raised_again():
    assert raised([0.001, 0.9, 0.001], AlarmOptions(checks=1)) == ["alert", None, "alert"]


@settings(deadline=None)
@given(chances, options)
def test_there_is_no_alarm_where_nothing_is_unlikely(chances, options):
    assert not any(raised([max(p, options.warning_p + 1e-9) for p in chances], options))


@settings(deadline=None)
@given(chances, options)
def test_an_alarm_needs_its_number_of_checks_right_before_it(chances, options):
    limits = {"warning": options.warning_p, "alert": options.alert_p}
    for n, severity in enumerate(raised(chances, options)):
        if severity:
            before = chances[max(0, n - options.checks + 1) : n + 1]
            assert len(before) == options.checks
            assert max(before) <= limits[severity]


@settings(deadline=None)
@given(chances, options)
def test_the_same_alarm_is_raised_again_only_after_it_was_cleared(chances, options):
    in_force = None
    for n, severity in enumerate(raised(chances, options)):
        last = chances[max(0, n - options.checks + 1) : n + 1]
        if len(last) == options.checks and min(last) > options.clear_p:
            in_force = None
        if severity:
            assert severity != in_force
            assert (in_force, severity) != ("alert", "warning")
            in_force = severity


@pytest.mark.parametrize(
    "wrong",
    [{"alert_p": 0.06}, {"warning_p": 0.3}, {"clear_p": 1.1}, {"alert_p": 0.0}, {"checks": 0}],
)
def test_thresholds_out_of_order_are_refused(wrong):
    with pytest.raises(ConfigError):
        AlarmOptions(**wrong)


def test_every_stage_has_a_line_that_says_what_to_do_first():
    assert set(RUNBOOK) == set(STAGES) >= {metric.stage for metric in METRICS}
    assert Alarm(1, "level_dbfs", "capture", "", "alert").runbook == RUNBOOK["capture"]


def test_what_was_raised_by_another_is_calm_only_after_checks_that_follow():
    state = Hysteresis(AlarmOptions(checks=2))
    state.check(0.9), state.check(0.9)
    assert state.is_calm
    state.put_in_force("alert")
    assert not state.is_calm
    state.check(0.9), state.check(0.9)
    assert (state.is_calm, state.severity) == (True, None)
