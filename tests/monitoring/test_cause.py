"""Whom an alarm blames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.monitoring.cause import CHANGED_AT, COLUMN, History, VersionChange, attribute
from speechsearch.monitoring.observation import BY_NAME, METRICS, STAGES

VAD = VersionChange(60, "vad", "silero:0.5", "webrtc:3")
COUNT = 160


def history(**moves):
    """Metrics at 0.5 in the reference; each move says from which utterance on it is elsewhere."""
    values = np.full((COUNT, len(METRICS)), 0.5)
    for metric, (at, to) in moves.items():
        values[at:, COLUMN[metric]] = to
    return History(np.full(len(METRICS), 0.5), values, COUNT)


def test_a_new_vad_explains_the_empty_transcripts_that_came_after_it():
    seen = history(speech_share=(60, 0.35), null_transcript=(60, 0.11))
    cause = attribute("null_transcript", {"null_transcript": 120, "speech_share": 130}, [VAD], seen)
    assert cause.stage == "vad"
    assert "speech share fell from 50 to 35 % since VAD silero:0.5 -> webrtc:3" in cause.words
    assert "empty transcripts fell from 50 to 11 % after it" in cause.words


def test_an_alarm_about_what_changed_says_what_suffers_from_it():
    seen = history(speech_share=(60, 0.35), null_transcript=(60, 0.61))
    cause = attribute("speech_share", {"speech_share": 120}, [VAD], seen)
    assert cause.words == (
        "speech share fell from 50 to 35 % since VAD silero:0.5 -> webrtc:3 at utterance 60; "
        "empty transcripts rose from 50 to 61 % after it"
    )


def test_a_new_catalogue_does_not_explain_a_sound_that_moved():
    change = VersionChange(60, "catalogue", "a", "b")
    cause = attribute("level_dbfs", {"level_dbfs": 120}, [change], history(level_dbfs=(60, 0.1)))
    assert cause.stage == "capture"
    assert "catalogue" not in cause.words


def test_a_change_after_which_nothing_moved_is_not_blamed():
    seen = history(null_transcript=(0, 0.9))
    cause = attribute("null_transcript", {"null_transcript": 120}, [VAD], seen)
    assert cause.stage == "asr"
    assert "VAD" not in cause.words


def test_the_newest_change_that_explains_is_blamed():
    older = VersionChange(20, "vad", "silero:0.4", "silero:0.5")
    seen = history(speech_share=(60, 0.2))
    words = attribute("speech_share", {"speech_share": 100}, [older, VAD], seen).words
    assert "webrtc:3 at utterance 60" in words
    assert "0.4" not in words


def test_what_moved_first_further_up_is_blamed():
    seen = history(snr_db=(60, 0.1), confidence=(60, 0.3))
    cause = attribute("confidence", {"confidence": 120, "snr_db": 110}, [], seen)
    assert cause.stage == "capture"
    assert cause.words.startswith("signal-to-noise ratio fell")
    assert "confidence of the letters fell" in cause.words


def test_what_moved_later_further_up_is_not_blamed():
    seen = history(snr_db=(120, 0.1), confidence=(60, 0.3))
    assert attribute("confidence", {"confidence": 90, "snr_db": 140}, [], seen).stage == "asr"


def test_a_change_before_the_window_that_is_kept_still_has_the_reference_to_tell_from():
    seen = history(speech_share=(0, 0.2))
    early = VersionChange(0, "vad", "silero:0.5", "webrtc:3")
    assert attribute("speech_share", {"speech_share": 100}, [early], seen).stage == "vad"


moves = st.dictionaries(
    st.sampled_from([metric.name for metric in METRICS]),
    st.tuples(st.integers(0, COUNT), st.floats(0, 1) | st.just(float("nan"))),
)
changes = st.lists(
    st.builds(VersionChange, st.integers(0, COUNT), st.sampled_from(sorted(CHANGED_AT)),
              st.just("old"), st.just("new")), max_size=3,
)  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(sorted(BY_NAME)), moves, changes)
def test_a_cause_lies_never_further_down_than_what_moved(metric, moves, changes):
    since = {name: at for name, (at, _) in moves.items()} | {metric: COUNT}
    cause = attribute(metric, since, changes, history(**moves))
    assert STAGES.index(cause.stage) <= STAGES.index(BY_NAME[metric].stage)
    assert cause.words


@pytest.mark.parametrize("metric", ["spectrum", "dynamics"])
def test_a_spectrum_has_no_mean_to_tell(metric):
    assert "left the reference" in attribute(metric, {metric: 100}, [VAD], history()).words
