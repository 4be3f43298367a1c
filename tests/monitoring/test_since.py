"""The same people before a version and since it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.monitoring.observation import BY_NAME, METRICS
from speechsearch.monitoring.since import SinceOptions, since_p

SHARE, EMPTY = BY_NAME["speech_share"], BY_NAME["null_transcript"]
OPTIONS = SinceOptions(permutations=1000)


def people(seed, count=12, each=20):
    """Values of people who differ more from one another than a version changes, half since."""
    random = np.random.default_rng(seed)
    sessions = np.repeat(np.arange(count), each)
    values = 3 * random.standard_normal(count)[sessions] + random.standard_normal(count * each)
    after = np.tile(np.arange(each) >= each // 2, count)
    return values, sessions, after


def p_of(values, sessions, after, metric=SHARE):
    return since_p(values[:, None], sessions, after, [metric], OPTIONS).get(metric.name)


def test_what_a_version_changes_is_seen_through_what_people_differ_in():
    values, sessions, after = people(1)
    assert p_of(values + 0.8 * after, sessions, after) < 0.02


def test_a_change_for_the_whole_is_seen_among_metrics_that_did_not_move():
    columns = np.stack([people(seed)[0] for seed in range(len(METRICS))], axis=1)
    _, sessions, after = people(0)
    columns[:, 3] -= 0.9 * after
    found = since_p(columns, sessions, after, METRICS, OPTIONS)
    assert min(found, key=found.__getitem__) == METRICS[3].name
    assert found[METRICS[3].name] < 0.02


def test_nothing_changed_is_seldom_seen():
    surprises = [p_of(*people(seed)) <= 0.05 for seed in range(200)]
    assert sum(surprises) <= 6  # p is counted five times: one in a hundred


def test_empty_transcripts_of_some_are_seen():
    _, sessions, after = people(2)
    empty = (np.random.default_rng(3).random(len(after)) < 0.15) & after
    assert p_of(empty.astype(float), sessions, after, EMPTY) < 0.02


def test_a_rate_that_rose_by_less_than_five_in_a_hundred_is_none():
    _, sessions, after = people(2, count=60)
    empty = np.zeros(len(after))
    empty[np.flatnonzero(after)[::25]] = 1
    assert p_of(empty, sessions, after, EMPTY) == 1


def test_people_who_came_later_say_nothing_of_the_version():
    values, sessions, _ = people(4)
    assert p_of(values, sessions, sessions >= 6) is None


@pytest.mark.parametrize(("count", "each"), [(3, 40), (4, 4)])
def test_few_people_or_utterances_say_nothing(count, each):
    assert p_of(*people(5, count, each)) is None


def test_values_that_are_not_there_are_left_out():
    values, sessions, after = people(6)
    values = np.where(np.arange(len(values)) % 3 == 0, np.nan, values + 1.5 * after)
    assert p_of(values, sessions, after) < 0.05
    assert p_of(np.full(len(values), np.nan), sessions, after) == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_neither_order_nor_the_people_themselves_count(seed, random):
    values, sessions, after = people(seed)
    values = values + 0.3 * after
    moved = values + np.random.default_rng(seed).normal(0, 50, 12)[sessions]
    assert p_of(moved, sessions, after) == pytest.approx(p_of(values, sessions, after), abs=0.02)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(-2, 2))
def test_p_is_a_probability(seed, shift):
    values, sessions, after = people(seed)
    assert 0 < p_of(values + shift * after, sessions, after) <= 1


@pytest.mark.parametrize("wrong", [{"permutations": 10}, {"horizon": 1}, {"looks": 0}])
def test_options_that_say_nothing_are_refused(wrong):
    with pytest.raises(ConfigError):
        SinceOptions(**wrong)
