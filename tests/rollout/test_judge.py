import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.rollout.judge import (
    CANARY_METRICS,
    SHADOW_METRICS,
    Judge,
    JudgeOptions,
    Metric,
    Verdict,
    session_values,
)
from speechsearch.rollout.router import Arm

SLOW = Metric("slow", higher_is_better=False, tolerated=0.02, margin=0.1)
SURE = Metric("confidence", higher_is_better=True, tolerated=0.02, margin=0.1)
OPTIONS = JudgeOptions((SLOW, SURE), alpha=0.05, beta=0.05, fewest_sessions=50)


def judged(champion, challenger, sessions=600, options=OPTIONS, seed=0):
    dice, judge = random.Random(seed), Judge.fresh(options)
    for _ in range(sessions):
        arm = dice.choice((Arm.CHAMPION, Arm.CHALLENGER))
        draw = challenger if arm.answered_by_challenger else champion
        judge = judge.add(arm, draw(dice))
        if judge.verdict is not Verdict.INCONCLUSIVE:
            break
    return judge


def well(dice):
    return {"slow": float(dice.random() < 0.05), "confidence": dice.uniform(0.7, 0.9)}


def test_the_same_passes():
    assert judged(well, well, 2000).verdict is Verdict.PASS


def test_a_slow_one_fails_and_the_report_says_why():
    judge = judged(well, lambda dice: {**well(dice), "slow": 1.0})
    slow, sure = judge.report()
    assert judge.verdict is Verdict.FAIL
    assert slow.verdict is Verdict.FAIL
    assert slow.worse_by > 0.8
    assert slow.log_evidence >= slow.log_needed
    assert sure.verdict is not Verdict.FAIL


def test_a_fail_stands_however_well_the_next_sessions_go():
    judge = judged(well, lambda dice: {**well(dice), "slow": 1.0})
    assert judge.verdict is Verdict.FAIL
    dice = random.Random(1)
    for _ in range(300):
        judge = judge.add(Arm.CHAMPION, {**well(dice), "slow": 1.0})
        judge = judge.add(Arm.CHALLENGER, {**well(dice), "slow": 0.0})
    assert judge.verdict is Verdict.FAIL


def test_less_confidence_is_worse_and_more_is_not():
    assert judged(well, lambda d: {**well(d), "confidence": 0.3}).verdict is Verdict.FAIL
    assert judged(well, lambda d: {**well(d), "confidence": 0.99}, 2000).verdict is Verdict.PASS


def test_nothing_is_said_before_there_are_enough_sessions():
    judge = Judge.fresh(OPTIONS)
    for _ in range(19):
        judge = judge.add_pair({"slow": 0.0, "confidence": 1.0}, {"slow": 1.0, "confidence": 0.0})
        assert judge.verdict is Verdict.INCONCLUSIVE
    better = Judge.fresh(OPTIONS)
    for _ in range(49):
        better = better.add_pair({"slow": 1.0, "confidence": 0.0}, {"slow": 0.0, "confidence": 1.0})
        assert better.verdict is Verdict.INCONCLUSIVE


def test_a_harm_within_what_is_tolerated_hardly_ever_fails():
    fails = 0
    for seed in range(40):
        challenger = lambda d: {**well(d), "slow": float(d.random() < 0.065)}  # noqa: E731
        fails += judged(well, challenger, 300, seed=seed).verdict is Verdict.FAIL
    assert fails <= 4


def test_a_session_counts_once_however_much_is_said_in_it():
    """One person in ten hears slow answers, and says forty things: forty are no more than one."""
    talkative = session_values([{"slow": 1.0, "confidence": 0.5}] * 40)
    short = session_values([{"slow": 1.0, "confidence": 0.5}])
    assert talkative == short
    judge = Judge.fresh(OPTIONS).add_pair(short, talkative)
    assert judge.challenger_sessions == 1


def test_a_session_of_a_talkative_person_is_the_mean_of_what_was_measured():
    values = session_values([{"slow": 1.0}, {"slow": 0.0, "confidence": 0.5}])
    assert values == {"slow": 0.5, "confidence": 0.5}
    with pytest.raises(ValueError, match=r"slow is 1\.5"):
        session_values([{"slow": 1.5}])


def test_clusters_would_fool_a_test_over_utterances_but_not_this_one():
    """Both arms alike, people not: sessions of 30 alike utterances, taken apart, cry wolf."""
    false_by_session = false_by_utterance = 0
    options = msgspec.structs.replace(OPTIONS, metrics=(SLOW,))
    for seed in range(30):
        dice = random.Random(seed)
        sessions, utterances = Judge.fresh(options), Judge.fresh(options)
        for _ in range(60):
            pair = tuple({"slow": float(dice.random() < 0.5)} for _ in range(2))
            sessions = sessions.add_pair(*pair)
            for _ in range(30):
                utterances = utterances.add_pair(*pair)
            false_by_session += sessions.verdict is Verdict.FAIL
            if utterances.verdict is Verdict.FAIL:
                false_by_utterance += 1
                break
    assert false_by_session <= 3
    assert false_by_utterance >= 10


def test_a_metric_nobody_measured_neither_passes_nor_fails():
    judge = Judge.fresh(OPTIONS)
    for _ in range(200):
        judge = judge.add_pair({"slow": 0.0}, {"slow": 0.0})
    assert [report.name for report in judge.report()] == ["slow"]
    assert judge.verdict is Verdict.PASS
    assert Judge.fresh(OPTIONS).verdict is Verdict.INCONCLUSIVE


arms = st.sampled_from([Arm.CHAMPION, Arm.CHALLENGER, Arm.SHADOW])
values = st.fixed_dictionaries({"slow": st.floats(0, 1), "confidence": st.floats(0, 1)})


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(arms, values), max_size=40))
def test_every_observation_is_a_difference_of_sessions_of_both_arms(sessions):
    judge = Judge.fresh(OPTIONS)
    for arm, one in sessions:
        judge = judge.add(arm, one)
        for evidence in judge.evidence.values():
            assert abs(evidence.sum_worse_by) <= evidence.observations
            assert evidence.observations <= min(judge.champion_sessions, judge.challenger_sessions)
        for champion, challenger in judge.waiting.values():
            assert not (champion.count and challenger.count), "one side at most waits"


def test_a_judge_is_kept_and_read_back_as_it_is():
    judge = judged(well, well, 100)
    assert msgspec.json.decode(msgspec.json.encode(judge), type=Judge) == judge


@pytest.mark.parametrize("metric", [*SHADOW_METRICS, *CANARY_METRICS])
def test_what_is_tolerated_lies_below_the_margin(metric):
    assert 0 <= metric.tolerated < metric.margin < 1
