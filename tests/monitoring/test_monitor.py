"""Observations in, alarms out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.monitoring.monitor import Monitor, MonitorOptions
from speechsearch.monitoring.observation import Versions
from speechsearch.monitoring.permutation import PermutationOptions
from speechsearch.monitoring.reference import ReferenceProfile
from tests.monitoring.made import Population

OPTIONS = MonitorOptions(windows=(60,), test=PermutationOptions(permutations=200, thinnings=2))
OLD, NEW = Versions(vad="silero:0.5"), Versions(vad="webrtc:3")
REFERENCE = ReferenceProfile.of(Population(1).say(200, OLD))


def watch(*said):
    monitor = Monitor(REFERENCE, OPTIONS)
    return [alarm for part in said for one in part for alarm in monitor.update(one)]


def usual(count):
    return Population(1, first=50).say(count, OLD)


def test_nothing_new_raises_nothing():
    assert watch(usual(120)) == []


def test_a_quieter_microphone_is_called_a_quieter_microphone():
    alarms = watch(usual(60), Population(1, first=80).say(60, OLD, shift={"level_dbfs": -20}))
    assert alarms[0].metric == "level_dbfs"
    assert alarms[0].at > 60
    assert alarms[0].stage == "capture"
    assert "level fell" in alarms[0].cause


def test_a_new_vad_is_the_cause_of_the_empty_transcripts_after_it():
    changed = Population(1, first=80).say(
        90, NEW, shift={"speech_share": -0.25}, fix={"null_transcript": lambda _, n: n % 2}
    )
    alarms = {alarm.metric: alarm for alarm in watch(usual(60), changed)}
    empty = alarms["null_transcript"]
    assert empty.stage == "vad"
    assert "VAD silero:0.5 -> webrtc:3 at utterance 60" in empty.cause
    assert "empty transcripts rose" in empty.cause


def test_the_same_people_tell_what_a_new_vad_did_though_nothing_left_the_reference():
    people = Population(1, first=50)
    alarms = watch(people.say(80, OLD), people.say(80, NEW, shift={"speech_share": -0.05}))
    assert [alarm.metric for alarm in alarms] == ["speech_share"]
    assert alarms[0].stage == "vad"
    assert "since VAD silero:0.5 -> webrtc:3 at utterance 80" in alarms[0].cause
    assert "empty transcripts are 0 % after it" in alarms[0].cause


def test_a_new_vad_that_does_nothing_raises_nothing():
    people = Population(1, first=50)
    assert watch(people.say(80, OLD), people.say(120, NEW)) == []


def test_searches_said_again_are_noticed_though_nothing_else_moved():
    redone = Population(1, first=50).say(60, OLD, fix={"redone": lambda _, n: n % 2})
    alarms = watch(usual(60), redone)
    assert {(alarm.metric, alarm.stage) for alarm in alarms} == {("redone", "outcome")}


def test_another_preparation_of_the_sound_is_seen_though_nobody_told_of_it():
    raw = Population(1, first=50).say(60, OLD, shift={"model_level_dbfs": -24})
    (alarm,) = watch(usual(60), raw)
    assert (alarm.metric, alarm.stage) == ("model_level_dbfs", "asr")
    assert "level at the model fell from 0 to" in alarm.cause


def test_an_alarm_in_force_is_raised_once():
    quieter = Population(1, first=80).say(120, OLD, shift={"level_dbfs": -20})
    alarms = watch(quieter)
    assert len([one for one in alarms if one.metric == "level_dbfs"]) == 1


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.integers(0, 29))
def test_fewer_utterances_than_any_detector_needs_raise_nothing(seed, count):
    odd = Population(seed, first=80).say(count, NEW, shift={"level_dbfs": -60, "confidence": -0.5})
    assert watch(odd) == []


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.floats(-30, 30))
def test_alarms_come_in_order_and_only_of_what_there_was(seed, shift):
    said = Population(seed, first=80).say(90, OLD, shift={"level_dbfs": shift})
    places = [alarm.at for alarm in watch(said)]
    assert places == sorted(places)
    assert all(1 <= place <= 90 for place in places)


@pytest.mark.parametrize("wrong", [{"windows": ()}, {"windows": (5,)}, {"every": 0}])
def test_a_window_must_hold_some_utterances(wrong):
    with pytest.raises(ConfigError):
        MonitorOptions(**wrong)
