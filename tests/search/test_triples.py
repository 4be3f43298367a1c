import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.search.alignment import NEVER
from speechsearch.search.triples import LETTERS, TRIPLES, triple_scores
from tests.search.say import VOCABULARY, say

COLUMNS = np.array([VOCABULARY[letter] for letter in LETTERS])


def number(triple):
    first, second, third = map(LETTERS.index, triple)
    return (first * len(LETTERS) + second) * len(LETTERS) + third


def against_best(log_probs):
    return log_probs - log_probs.max(axis=1, keepdims=True)


def scores(log_probs, columns=COLUMNS):
    return triple_scores(against_best(log_probs), columns, 0)


def best_path(evidence, triple):
    """The definition: three letters, blanks between, anywhere; a space around the sound."""
    columns = [VOCABULARY[letter] for letter in triple]
    states = [columns[0], 0, columns[1], 0, columns[2]]
    rows = [dict.fromkeys(range(28), -30.0) | {VOCABULARY[" "]: 0.0, 0: -30.0}]
    rows = [rows[0], *[dict(enumerate(row)) for row in evidence], rows[0]]
    score, best = [-np.inf] * 5, -np.inf
    for row in rows:
        new = []
        for s, column in enumerate(states):
            ways = [score[s], score[s - 1] if s else 0.0]
            if s in {2, 4} and states[s] != states[s - 2]:
                ways.append(score[s - 2])
            new.append(max(ways) + row[column])
        score, best = new, max(best, new[4])
    return best


def test_the_triples_that_were_said_cost_nothing_and_others_more():
    found = scores(say("moby"))
    assert [found[number(t)] for t in (" mo", "mob", "oby", "by ")] == pytest.approx([0] * 4)
    assert found.shape == (TRIPLES,)
    assert found[number("zzz")] < -5
    assert found[number("moy")] > found[number("xyz")]


def test_a_letter_the_model_lacks_is_in_no_triple_that_was_said():
    columns = COLUMNS.copy()
    columns[LETTERS.index("o")] = -1
    assert scores(say("moby"), columns)[number("mob")] < -20


def test_silence_holds_no_letters():
    assert scores(say("")[:0]).argmax() in {number("   "), 0}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.text("ab '", min_size=3, max_size=3))
def test_the_scores_equal_the_definition(frames, seed, triple):
    random = np.random.default_rng(seed)
    log_probs = random.normal(0, 3, (frames, 28 + 1)).astype(np.float32)
    evidence = against_best(log_probs)
    expected = max(best_path(evidence, triple), float(NEVER))
    assert triple_scores(evidence, COLUMNS, 0)[number(triple)] == pytest.approx(expected, abs=1e-3)
