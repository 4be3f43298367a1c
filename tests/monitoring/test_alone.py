"""Each detector by itself, beside the monitor."""

from speechsearch.monitoring.alarms import AlarmOptions
from speechsearch.monitoring.alone import DETECTORS, Alone, Found
from speechsearch.monitoring.monitor import Monitor, MonitorOptions
from speechsearch.monitoring.permutation import PermutationOptions
from speechsearch.monitoring.reference import ReferenceProfile
from tests.monitoring.made import Population

OPTIONS = MonitorOptions(windows=(60,), test=PermutationOptions(permutations=200, thinnings=2))


def test_a_detector_needs_as_many_looks_in_a_row_as_an_alarm_does():
    alone = Alone(AlarmOptions(checks=2))
    for at, p in ((10, 0.01), (20, 0.5), (30, 0.01), (40, 0.01)):
        alone.look(at, {("level_dbfs", "ks"): p, ("level_dbfs", "psi"): 1.0})
    assert alone.found == [Found(40, "ks", "level_dbfs", "alert")]


def test_a_quieter_microphone_is_found_by_several_and_never_by_one_without_a_name():
    alone = Alone(OPTIONS.alarms)
    monitor = Monitor(ReferenceProfile.of(Population(1).say(200)), OPTIONS, alone)
    for one in Population(1, first=80).say(90, shift={"level_dbfs": -20}):
        monitor.update(one)
    found = {one.detector for one in alone.found if one.metric == "level_dbfs"}
    assert {"ks", "psi", "ranks"} <= found <= set(DETECTORS)


def test_a_monitor_that_nobody_asks_of_its_detectors_raises_the_same():
    reference = ReferenceProfile.of(Population(1).say(200))
    said = Population(1, first=80).say(90, shift={"level_dbfs": -20})
    with_one, without = Monitor(reference, OPTIONS, Alone()), Monitor(reference, OPTIONS)
    assert [with_one.update(one) for one in said] == [without.update(one) for one in said]
