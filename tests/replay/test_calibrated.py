"""Detectors side by side over some replays."""

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.monitoring.alarms import Alarm
from speechsearch.monitoring.alone import DETECTORS, Found
from speechsearch.replay.calibrated import TOGETHER, calibrated
from speechsearch.replay.run import Replayed


def alarm(at, severity="alert"):
    return Alarm(at, "level_dbfs", "capture", "", severity)


def found(at, detector="ks", severity="alert"):
    return Found(at, detector, "level_dbfs", severity)


def test_the_first_alert_on_each_side_counts_and_warnings_do_not():
    replays = [
        Replayed(60, 60, (alarm(31), alarm(71, "warning"), alarm(81), alarm(91)), (found(61),)),
        Replayed(60, 60, (alarm(71, "warning"),), (found(20, severity="warning"),)),
    ]
    together, *rest = calibrated(replays)
    assert (together.detector, together.replays) == (TOGETHER, 2)
    assert (together.false, together.delays) == ((-30,), (20,))
    ks = next(one for one in rest if one.detector == "ks")
    assert (ks.false, ks.delays) == ((), (0,))


def test_every_detector_has_a_line_though_it_found_nothing():
    names = [one.detector for one in calibrated([Replayed(10, 10, ())])]
    assert names == [TOGETHER, *DETECTORS]


def test_the_line_is_split_where_the_change_was():
    (together, *_) = calibrated([Replayed(60, 60, (alarm(1), alarm(61), alarm(120)))] * 11)
    before, after = together.line.split("|")
    assert (len(before), len(after)) == (15, 15)
    assert (before[0], after[0]) == ("#", "#")
    assert set(before[1:] + after[1:]) == {"·"}


@given(st.integers(0, 500), st.integers(0, 500), st.data())
def test_each_replay_is_on_the_line_once_a_side(before, after, data):
    places = st.lists(st.integers(1, before + after), max_size=5)
    many = st.lists(places, min_size=1, max_size=9)
    alerts = data.draw(many) if before + after else [[]]
    replays = [Replayed(before, after, tuple(map(alarm, sorted(one)))) for one in alerts]
    together = calibrated(replays)[0]
    sides = [sum(int(one) for one in side if one != "·") for side in together.line.split("|")]
    assert sides == [len(together.false), len(together.delays)]
