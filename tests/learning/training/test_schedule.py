"""The size of a step against its number."""

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.learning.training.recipe import Optimiser
from speechsearch.learning.training.schedule import (
    average_decay,
    letters_factor,
    rate_factor,
    share_done,
)

OPTIONS = Optimiser(steps=1000, warmup_steps=100, last_share=0.02)


def test_it_rises_to_all_then_falls_to_the_last_share():
    factors = [rate_factor(step, step / 1000, OPTIONS) for step in range(1001)]
    peak = factors.index(max(factors))
    assert 95 <= peak <= 100
    assert factors[:peak] == sorted(factors[:peak])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert 0 < factors[0] <= 0.01
    assert abs(factors[-1] - 0.02) < 1e-9


def test_a_new_layer_of_letters_learns_alone_at_first():
    options = Optimiser(steps=1000, warmup_steps=100, letters_first_steps=60)
    assert [rate_factor(step, step / 1000, options) for step in (0, 59)] == [0, 0]
    assert [letters_factor(step, step / 1000, options) for step in (0, 59)] == [1, 1]
    assert letters_factor(60, 0.06, options) == rate_factor(60, 0.06, options) > 0


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_average_forgets_the_beginning_faster(step, most):
    decay = average_decay(step, most)
    assert 0 <= decay <= most
    assert decay <= average_decay(step + 1, most)
    assert average_decay(0, most) <= 0.1


def test_steps_are_counted_and_minutes_are_timed():
    assert share_done(250, 1e6, OPTIONS) == 0.25
    timed = Optimiser(steps=1000, minutes=2.0)
    assert share_done(10**6, 30.0, timed) == 0.25
    assert share_done(0, 121.0, timed) > 1


@given(st.floats(0, 5), st.floats(0, 5))
def test_rates_fall_with_the_share_done_and_stay_low_behind_the_end(one, other):
    early, late = sorted((one, other))
    factors = [rate_factor(500, done, OPTIONS) for done in (early, late)]
    assert factors[0] >= factors[1] >= OPTIONS.last_share
