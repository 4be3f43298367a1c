from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.kneser_ney import BuildOptions, build

TEXT = [line.split() for line in ("the cat sat", "the cat ran", "the dog ran", "a dog sat")]


def p(model, word, *history):
    return math.exp(model.score(model.after(history), word)[1])


def test_a_pair_gives_its_discount_to_words_by_the_words_they_were_seen_after():
    model = build(TEXT, BuildOptions(order=2, min_counts=(1, 1)))
    # by hand, with the discount of 0.75 that too few counts fall back on: of 11 distinct pairs
    # 3 end in </s> (the marks <s> aside), 2 each in "cat"... "cat" follows 1 word, "dog" 2
    counts = {"the": 1, "a": 1, "cat": 1, "dog": 2, "sat": 2, "ran": 2, "</s>": 2}
    whole, distinct = sum(counts.values()), len(counts)
    uniform = (1 - 1e-4) / len(counts)
    cat = (1 - 0.75) / whole + 0.75 * distinct / whole * uniform
    assert p(model, "cat") == pytest.approx(cat, rel=1e-4)
    assert p(model, "cat", "the") == pytest.approx((2 - 0.75) / 3 + 0.75 * 2 / 3 * cat, rel=1e-4)
    assert p(model, "cat", "a") == pytest.approx(0.75 * 1 / 1 * cat, rel=1e-4)


def test_a_word_that_follows_one_word_alone_is_unlikely_after_others():
    often = [["san", "francisco"]] * 20
    different = [[word, "house"] for word in ("a", "the", "my", "your", "this", "that")]
    model = build([*often, *different], BuildOptions(order=2, min_counts=(1, 1)))
    assert p(model, "house", "never seen") > p(model, "francisco", "never seen")


def test_enough_rare_pairs_give_their_own_discounts():
    sentences = [[f"w{i}", f"v{i}"] for i in range(40) for _ in range(1 + i % 4 if i < 30 else 1)]
    model = build(sentences, BuildOptions(order=2, min_counts=(1, 1)))
    once, thrice = p(model, "v0", "w0"), p(model, "v2", "w2")
    assert once < thrice < 1


def test_words_handed_in_get_their_share_and_the_unseen_stays_likelier_than_nothing():
    base = {"zebra": 3.0, "the": 1.0}
    model = build(TEXT, BuildOptions(order=2, min_counts=(1, 1), base_share=0.5), base)
    assert p(model, "zebra") > 3 / 4 * 0.5 * 0.99
    assert 0 < p(model, "unheard of") < 1e-3


def test_rare_n_grams_are_dropped_and_what_is_left_sums_to_one():
    whole = build(TEXT, BuildOptions(order=3, min_counts=(1, 1, 1)))
    small = build(TEXT, BuildOptions(order=3, min_counts=(1, 2, 2)))
    assert len(small.nodes.word) < len(whole.nodes.word)
    for history in ([], ["the"], ["the", "cat"], ["a"]):
        assert sum(p(small, word, *history) for word in small.words) == pytest.approx(1, abs=1e-4)


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), min_size=1, max_size=9))
def test_a_sentence_that_was_seen_is_likelier_than_one_of_words_that_were_not(sentences):
    model = build(sentences)
    assert model.sentence(sentences[0]) > model.sentence(["x"] * len(sentences[0]))
