import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.rollout.betting import Bet

observations = st.lists(st.floats(-1, 1), max_size=30)


def added(bet, values):
    for value in values:
        bet = bet.add(value)
    return bet


@settings(deadline=None)
@given(observations, st.randoms())
def test_the_order_of_observations_does_not_matter(values, shuffling):
    mixed = shuffling.sample(values, len(values))
    one, other = added(Bet(0.01, -1), values), added(Bet(0.01, -1), mixed)
    assert one.log_evidence == pytest.approx(other.log_evidence, abs=1e-9)


def test_before_anything_is_seen_there_is_no_evidence():
    assert Bet(0.0, -1).log_evidence == pytest.approx(0)


@settings(deadline=None)
@given(st.floats(0.0, 0.4), st.floats(0.05, 0.95))
def test_the_capital_is_expected_to_stay_where_the_mean_is_the_bound(bound, chance):
    """Two values around the bound whose mean it is: the expectation is one, to the last digit."""
    low, high = bound - (1 - chance) * (1 + bound), bound + chance * (1 + bound)
    bet = Bet(bound, -1)
    up, down = bet.add(high).log_evidence, bet.add(low).log_evidence
    expected = (1 - chance) * math.exp(up) + chance * math.exp(down)
    assert expected == pytest.approx(1, abs=1e-9)


def test_looking_after_every_observation_raises_no_more_false_alarms_than_allowed():
    dice, alpha, alarms = random.Random(1), 0.1, 0
    for _ in range(200):
        bet = Bet(0.0, -1)
        for _ in range(300):
            bet = bet.add(dice.choice((-0.5, 0.0, 0.5)))
            if bet.log_evidence >= -math.log(alpha):
                alarms += 1
                break
    assert alarms <= 0.1 * 200 + 3 * math.sqrt(200 * 0.1 * 0.9)


def test_a_mean_above_the_bound_is_found():
    dice, bet = random.Random(2), Bet(0.0, -1)
    for _ in range(1500):
        bet = bet.add(dice.choice((-0.3, 0.0, 0.4)))
    assert bet.log_evidence > math.log(1000)


def test_the_worst_observation_never_ruins_the_gambler():
    assert math.isfinite(Bet(0.0, -1).add(-1).log_evidence)


def test_an_observation_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match="lies below"):
        Bet(0.0, -1).add(-1.1)
