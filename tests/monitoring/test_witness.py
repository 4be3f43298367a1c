from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from speechsearch.asr.model import ModelInfo
from speechsearch.monitoring.exposition import vad_label
from speechsearch.monitoring.fleet import Fleet
from speechsearch.monitoring.observation import HeardPart, Passed, Versions, observe
from speechsearch.monitoring.seen import Acted, Failed, Gone, Heard, Queried, Reported, Turn
from speechsearch.monitoring.timeline import Recorder
from speechsearch.monitoring.witness import Facts, Witness
from speechsearch.tracing.spans import trace_id
from speechsearch.types import Hit, Hypothesis, Result
from speechsearch.wire.messages import Report
from tests.asr.letters import TIMING, VOCABULARY

INFO = ModelInfo("m", "1", "0" * 12, VOCABULARY, TIMING, 160_000, False)

NOW_S = 1_800_000_000.0
HITS = (Hit("garden", "The Secret Garden", 0.8, "sound"), Hit("agent", "x", 0.5, "sound"))


class Seen:
    """A witness whose series can be read."""

    def __init__(self):
        self.recorder, self.registry, self.observed = Recorder(), CollectorRegistry(), []
        facts = Facts(INFO, lambda: ("books/v1", {"secret", "garden"}), self.registry)
        self.witness = Witness(facts, self.recorder, lambda one, _: self.observed.append(one))
        self.now_s = NOW_S

    def take(self, *seen):
        for one in seen:
            self.witness.take(one, self.now_s)
            self.now_s += 1

    def mean(self, series):
        return self.recorder.window(series, 3600, self.now_s).mean

    def count(self, series):
        return self.recorder.window(series, 3600, self.now_s).count


def heard(number, text="secret garden", hits=HITS, session="s", continues=None):
    random = np.random.default_rng(number)
    samples = random.normal(0, 0.1, 16_000).astype(np.float32)
    log_probs = np.log(random.dirichlet(np.ones(len(INFO.vocabulary.letters)), 50))
    hypotheses = (Hypothesis(text, 0.9),) if text else ()
    result = Result(
        number, hypotheses, hits, {"decode": 20.0, "search": 5.0}, "m@1", continues=continues,
        answer_confidence=0.7,
    )  # fmt: skip
    passed = Passed(samples, 8000, [HeardPart(result, log_probs.astype(np.float32), samples)])
    return Heard(session, number, passed, result, wait_ms=12.0, pauses=1, vad="silero:0.5")


def test_an_utterance_gives_every_series_of_its_path_a_value():
    seen = Seen()
    seen.take(heard(1))
    assert seen.mean("wait_ms") == 12
    assert seen.mean("rtf") == pytest.approx(0.02)
    assert seen.mean("null_transcript") == seen.mean("zero_results") == 0
    assert seen.mean("score_gap") == pytest.approx(0.3)
    assert seen.mean("unknown_words_share") == 0
    for series in ("level_dbfs", "speech_share", "duration_s", "pauses", "decode_ms", "bad_audio"):
        assert seen.count(series) == 1, series
    labels = {"model": INFO.label, "arm": "champion", "vad": "silero:0.5"}
    total = seen.registry.get_sample_value("speechsearch_live_wait_seconds_sum", labels)
    assert total == pytest.approx(0.012)


def test_what_the_model_was_given_and_what_was_done_for_that_is_told():
    seen = Seen()
    seen.take(replace(heard(1), info=replace(INFO, normalise=True)))
    assert seen.mean("model_level_dbfs") == 0
    assert seen.mean("model_gain_db") == pytest.approx(20, abs=0.2)
    assert 0 <= seen.mean("model_dc_share") < 0.05


def test_another_normalisation_is_a_shift_of_what_the_model_is_given():
    said, infos = heard(1), (replace(INFO, normalise=True), INFO)
    before, after = (observe(said.passed, "s", Versions(), info, frozenset()) for info in infos)
    assert (before.model_level_dbfs, after.model_level_dbfs) == (0, -20)
    assert (after.model_gain_db, after.model_dc_share) == (0, 0)
    assert before.level_dbfs == after.level_dbfs


def test_one_id_leads_from_the_sound_to_the_click_and_no_word_is_kept():
    seen = Seen()
    report = Report(utterance=1, endpoint_ms=300.0, network_ms=2.0, all_ms=340.0)
    seen.take(heard(1), Reported("s", report), Acted("s", 1, "click", "agent"))
    (kept,) = seen.witness.newest.utterances
    assert kept["id"] == trace_id("s", 1)
    assert (kept["became"], kept["rank"], kept["all_ms"]) == ("clicked", 2, 340)
    assert "garden" not in str(kept).lower()
    assert seen.witness.newest.touched == {kept["id"]}
    assert (seen.mean("clicked"), seen.mean("rank_clicked")) == (1, 2)


def test_redo_typing_and_leaving_are_detected():
    seen = Seen()
    seen.take(heard(1), heard(2, "secret gardn"), Queried("s", 2, 3, 1.5))
    seen.take(heard(3, "moby dick", ()), Gone("s"))
    assert seen.mean("redo") == pytest.approx(1 / 3)
    assert seen.mean("typed") == pytest.approx(1 / 3)
    assert seen.mean("abandoned") == pytest.approx(1 / 3)


def test_time_that_passes_ends_a_journey():
    seen = Seen()
    seen.take(heard(1))
    seen.now_s += 100
    seen.witness.passed(seen.now_s)
    assert seen.mean("abandoned") == 1


def test_a_wait_over_the_budget_is_slow():
    seen = Seen()
    for all_ms in (499.0, 501.0):
        seen.take(Reported("s", Report(utterance=1, all_ms=all_ms)))
    assert seen.mean("slow") == 0.5


def test_what_is_refused_counts_and_broken_sound_apart():
    seen = Seen()
    seen.take(heard(1), Failed("deadline"), Failed("sample_position"))
    assert seen.mean("failed") == pytest.approx(2 / 3)
    assert seen.mean("bad_audio") == 0.5


def test_versions_come_from_the_client_and_the_server():
    seen = Seen()
    report = Report(client="page 1", microphone="USB", detector="client:1")
    seen.take(Reported("s", report), heard(1))
    assert seen.observed == []
    seen.take(Acted("s", 1, "click", "agent"))
    assert (seen.observed[0].clicked, seen.observed[0].redone) == (1, 0)
    expected = Versions("USB", "page 1", "silero:0.5", "m@1", "books/v1")
    assert seen.observed[0].versions == expected


def test_silence_is_no_division_by_zero():
    seen = Seen()
    nothing = Result(1, (), (), {}, "m@1", why_nothing="noise")
    silent = Passed(np.zeros(0, np.float32), 0, [])
    seen.take(Heard("s", 1, silent, nothing, 1.0))
    assert seen.mean("null_transcript") == 1


def test_a_fleet_changes_when_most_of_it_does():
    fleet = Fleet(newest=4)
    names = ["a", "b", "a", "b", "a", "b", "b", "b"]
    now = [fleet.update(Versions(microphone=name)).microphone for name in names]
    assert now == ["a", "a", "a", "a", "a", "a", "b", "b"]


def test_a_label_is_one_of_ours_whatever_a_client_says():
    assert vad_label("webrtc:2:0.5") == "webrtc:2:0.5"
    assert vad_label("alice's detector") == "other"
    assert vad_label("") == "unknown"


def test_metrics_carry_the_arm_and_model_of_the_session_and_drift_is_the_champions():
    seen = Seen()
    turn = Turn(NOW_S, NOW_S, arm="challenger")
    tried = replace(heard(1), turn=turn)
    tried = replace(tried, result=replace(tried.result, model="m@2"))
    seen.take(tried, Reported("s", Report(utterance=1, all_ms=340.0)), Acted("s", 1, "click", "x"))
    seen.take(heard(1, session="t"), Acted("t", 1, "click", "agent"))
    for series in ("wait_seconds", "all_seconds", "clicked"):
        labels = {"model": "m@2", "arm": "challenger", "vad": "silero:0.5"}
        assert seen.registry.get_sample_value(f"speechsearch_live_{series}_count", labels) == 1
    assert [one.session for one in seen.observed] == ["t"]
    assert seen.witness.newest.utterances[0]["arm"] == "challenger"
