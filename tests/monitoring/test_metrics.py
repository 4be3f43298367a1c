import numpy as np

from speechsearch.monitoring.metrics import BUCKETS_S, Metrics
from speechsearch.types import Hit, Hypothesis, Result, Utterance


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_outcomes_are_told_apart():
    metrics = Metrics("m@1")
    utterance = Utterance(1, np.zeros(32_000, np.float32), 0)
    heard, hit = Hypothesis("moby dick", 0.9), Hit("moby", "Moby Dick", 0.9, "sound")
    for hypotheses, hits in (((heard,), (hit,)), ((heard,), ()), ((), ())):
        metrics.answered(utterance, Result(1, hypotheses, hits, {}, "m@1"))
    for outcome in ("hits", "no_hits", "no_speech"):
        count = value(metrics, "speechsearch_utterances_total", outcome=outcome, model="m@1")
        assert count == 1
    assert value(metrics, "speechsearch_audio_seconds_total", model="m@1") == 6


def test_a_stage_is_counted_in_the_bucket_of_its_target():
    metrics = Metrics("m@1")
    metrics.stage("decode", 29)
    labels = {"stage": "decode", "model": "m@1"}
    assert value(metrics, "speechsearch_stage_seconds_bucket", le="0.02", **labels) == 0
    assert value(metrics, "speechsearch_stage_seconds_bucket", le="0.03", **labels) == 1
    assert {0.03, 0.1, 0.5, 0.7} <= set(BUCKETS_S)


def test_refusals_are_counted_by_code_and_everything_is_exposed():
    metrics = Metrics("m@1")
    metrics.refused("late")
    metrics.told("click")
    assert value(metrics, "speechsearch_feedback_total", action="click", model="m@1") == 1
    assert b'speechsearch_errors_total{code="late"} 1.0' in metrics.exposition()
