from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.confidence import (
    AnswerFeatures,
    ReliabilityBin,
    answer_confidence,
    answer_features,
    calibrate,
    calibration_error,
    reliability,
)
from speechsearch.types import Hit, Hypothesis

shares = st.floats(0, 1)
answers = st.lists(st.tuples(shares, st.booleans()), min_size=1, max_size=50)


def hit(score):
    return Hit("1", "t", score, "sound")


@given(shares, shares, shares)
def test_a_confidence_is_a_probability(score, margin, posterior):
    assert 0 < answer_confidence(AnswerFeatures(score, margin, posterior)) < 1


@given(shares, shares)
def test_a_better_fit_or_a_weaker_rival_makes_surer(score, posterior):
    here = answer_confidence(AnswerFeatures(score, 0.1, posterior))
    assert answer_confidence(AnswerFeatures(score, 0.2, posterior)) >= here
    assert answer_confidence(AnswerFeatures(score + 0.1, 0.1, posterior)) >= here


def test_features_are_those_of_the_first_two_hits():
    heard = Hypothesis("text", 0.7)
    found = answer_features([hit(0.9), hit(0.8), hit(0.5)], heard)
    assert found == AnswerFeatures(0.9, pytest.approx(0.1), 0.7)


def test_a_rival_that_is_not_offered_is_as_weak_as_one_far_behind():
    heard = Hypothesis("text", 0.7)
    alone, behind = answer_features([hit(0.9)], heard), answer_features([hit(0.9), hit(0.2)], heard)
    assert alone == behind == AnswerFeatures(0.9, pytest.approx(0.36), 0.7)


@given(answers)
def test_the_curve_holds_every_answer_once(pairs):
    curve = reliability(*zip(*pairs, strict=True))
    assert sum(one.count for one in curve) == len(pairs)
    right = sum(one.count * one.accuracy for one in curve)
    assert right == pytest.approx(sum(is_right for _, is_right in pairs))
    assert [one.confidence for one in curve] == sorted(one.confidence for one in curve)
    assert 0 <= calibration_error(curve) <= 1


def test_the_error_is_the_mean_gap_between_said_and_right():
    curve = [ReliabilityBin(3, 0.2, 0.0), ReliabilityBin(1, 0.9, 1.0)]
    assert calibration_error(curve) == pytest.approx((3 * 0.2 + 0.1) / 4)
    assert calibration_error([]) == 0


def test_who_says_always_right_and_is_half_the_time_is_off_by_half():
    assert calibration_error(reliability([1.0] * 4, [True, False] * 2)) == pytest.approx(0.5)


def test_calibrating_finds_the_odds_that_made_the_answers():
    random = np.random.default_rng(0)
    features = [AnswerFeatures(*row) for row in random.random((6000, 3))]
    odds = [-2 + 6 * f.score - 3 * f.posterior for f in features]
    right = random.random(6000) < 1 / (1 + np.exp(-np.array(odds)))
    found = calibrate(features, list(right), [1.0] * 6000)
    assert found.score == pytest.approx(6, abs=0.5)
    assert found.margin == pytest.approx(0, abs=0.4)
    assert found.posterior == pytest.approx(-3, abs=0.4)
    said = [answer_confidence(f, found) for f in features]
    assert calibration_error(reliability(said, list(right))) < 0.03


def test_answers_that_are_all_right_can_be_calibrated():
    features = [AnswerFeatures(0.9, 0.1, 0.5), AnswerFeatures(0.8, 0.2, 0.6)] * 20
    found = calibrate(features, [True] * 40, [1.0] * 40)
    assert answer_confidence(features[0], found) > 0.9


def test_weights_count_answers_again():
    features = [AnswerFeatures(0.9, 0.1, 0.5)] * 2
    found = calibrate(features, [True, False], [300.0, 100.0])
    assert answer_confidence(features[0], found) == pytest.approx(0.75, abs=0.02)
