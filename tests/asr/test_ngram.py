from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.kneser_ney import BuildOptions, build
from speechsearch.asr.ngram import BEGIN, END, UNKNOWN, Grams, assemble
from speechsearch.errors import ModelError

WORDS = (UNKNOWN, BEGIN, END, "a", "b")


def singles(*log_probs):
    return Grams(np.arange(5)[:, None], np.float32(log_probs), np.float32([0, -0.5, 0, -0.7, -0.2]))


def pairs(*grams):
    words = np.array([[WORDS.index(w) for w in gram.split()] for gram, _ in grams])
    return Grams(words, np.float32([p for _, p in grams]), np.zeros(len(grams), np.float32))


def test_a_known_pair_has_its_own_probability_and_others_pay_the_back_off_weight():
    model = assemble(WORDS, [singles(-9, -99, -2, -1, -3), pairs(("a b", -0.3), ("<s> a", -0.1))])
    state, nats = model.score(model.start, "a")
    assert nats == pytest.approx(-0.1)
    assert model.score(state, "b")[1] == pytest.approx(-0.3)
    assert model.score(state, "a")[1] == pytest.approx(-0.7 - 1)
    assert model.score(state, "zebra")[1] == pytest.approx(-0.7 - 9)
    assert model.sentence(["a", "b"]) == pytest.approx(-0.1 - 0.3 - 0.2 - 2)


def test_the_state_keeps_the_longest_history_that_is_known():
    model = build([["a", "b", "c"]] * 3, BuildOptions(order=3))
    after = model.after(["x", "a", "b"])
    assert after == model.after(["a", "b"]) != model.after(["b"])


def test_n_grams_may_come_in_any_order():
    parts = [("b a", -0.4), ("a b", -0.3), ("<s> a", -0.1)]
    one = assemble(WORDS, [singles(-9, -99, -2, -1, -3), pairs(*parts)])
    other = assemble(WORDS, [singles(-9, -99, -2, -1, -3), pairs(*parts[::-1])])
    assert one.sentence(["a", "b", "a"]) == other.sentence(["a", "b", "a"])


def test_a_longer_n_gram_without_its_beginning_is_refused():
    triple = Grams(np.array([[3, 4, 3]]), np.zeros(1, np.float32), np.zeros(1, np.float32))
    with pytest.raises(ModelError, match="beginning of a longer one"):
        assemble(WORDS, [singles(-9, -99, -2, -1, -3), pairs(("b a", -1)), triple])


def test_a_longer_n_gram_without_its_end_is_refused():
    triple = Grams(np.array([[3, 4, 3]]), np.zeros(1, np.float32), np.zeros(1, np.float32))
    with pytest.raises(ModelError, match="the end of one"):
        assemble(WORDS, [singles(-9, -99, -2, -1, -3), pairs(("a b", -1)), triple])


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=8),
    st.lists(st.sampled_from(["a", "b", "c", "never", BEGIN]), max_size=4),
    st.integers(1, 4),
)
def test_what_may_follow_any_history_sums_to_one(sentences, history, order):
    model = build(sentences, BuildOptions(order, (1,) * order))
    state = model.after(history)
    total = sum(math.exp(model.score(state, word)[1]) for word in model.words)
    assert total == pytest.approx(1, abs=1e-4)
