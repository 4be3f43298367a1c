from speechsearch.monitoring.drifting import DriftOptions
from speechsearch.monitoring.observation import Versions
from speechsearch.monitoring.references import References
from tests.monitoring.made import Population

FEW = DriftOptions(freeze=120, sessions=6, every=10, permutations=100)
OLD, NEW = Versions(model="m@1"), Versions(model="m@2")


def said(count, versions, first=0, **shift):
    return Population(1, first=first).say(count, versions, shift=shift)


def update(references, observations):
    """Alarms by metric, and whether the reference was replaced."""
    alarms, replaced = {}, False
    for one in observations:
        alarms |= {alarm.metric: alarm for alarm in references.update(one)}
        replaced = replaced or references.replaced
    return alarms, replaced


def test_a_new_model_is_held_against_the_old_reference_until_it_has_its_own():
    references = References(None, "m@1", FEW)
    assert update(references, said(125, OLD)) == ({}, False)
    alarms, replaced = update(references, said(119, NEW, first=50, confidence=-0.4))
    assert not replaced
    assert "model m@1 -> m@2" in alarms["confidence"].cause
    coming = references.state()["coming"]
    assert coming == {"model": "m@2", "collected": 119, "wanted": 120}
    _, replaced = update(references, said(1, NEW, first=50))
    assert replaced
    assert references.state()["model"] == "m@2"
    assert references.state()["frozen"]


def test_a_model_that_was_known_before_finds_its_reference_again(tmp_path):
    update(References(tmp_path, "m@2", FEW), said(125, NEW))
    references = References(tmp_path, "m@1", FEW)
    update(references, said(125, OLD))
    _, replaced = update(references, said(1, NEW))
    assert replaced
    assert references.state()["frozen"]


def test_going_back_forgets_what_was_coming():
    references = References(None, "m@1", FEW)
    update(references, said(125, OLD))
    update(references, said(20, NEW))
    update(references, said(1, OLD))
    assert references.state()["coming"] is None


def test_without_anything_frozen_the_newest_model_is_collected_alone():
    references = References(None, "m@1", FEW)
    update(references, said(20, OLD))
    update(references, said(3, NEW))
    state = references.state()
    assert (state["model"], state["collected"], state["coming"]) == ("m@2", 3, None)


def test_alarms_are_over_once_the_windows_are_as_they_were():
    references = References(None, "m@1", FEW)
    update(references, said(125, OLD))
    alarms, _ = update(references, said(130, OLD, first=50, level_dbfs=-20))
    assert "level_dbfs" in alarms
    assert "level_dbfs" not in references.calm
    update(references, said(520, OLD, first=20))
    assert "level_dbfs" in references.calm
