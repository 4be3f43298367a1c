"""The size of a step against its number."""

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.learning.training.recipe import Optimiser
from speechsearch.learning.training.schedule import average_decay, letters_factor, rate_factor

OPTIONS = Optimiser(steps=1000, warmup_steps=100, last_share=0.02)


def test_it_rises_to_all_then_falls_to_the_last_share():
    factors = [rate_factor(step, OPTIONS) for step in range(1001)]
    peak = factors.index(max(factors))
    assert 95 <= peak <= 100
    assert factors[:peak] == sorted(factors[:peak])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert 0 < factors[0] <= 0.01
    assert abs(factors[-1] - 0.02) < 1e-9


def test_a_new_layer_of_letters_learns_alone_at_first():
    options = Optimiser(steps=1000, warmup_steps=100, letters_first_steps=60)
    assert [rate_factor(step, options) for step in (0, 59)] == [0, 0]
    assert [letters_factor(step, options) for step in (0, 59)] == [1, 1]
    assert letters_factor(60, options) == rate_factor(60, options) > 0


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_the_average_forgets_the_beginning_faster(step, most):
    decay = average_decay(step, most)
    assert 0 <= decay <= most
    assert decay <= average_decay(step + 1, most)
    assert average_decay(0, most) <= 0.1
