import functools
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.search.alignment import BLOCK_STATES
from speechsearch.search.forms import Forms
from speechsearch.search.sound import (
    SoundOptions,
    all_paths,
    best_paths,
    evidence,
    explained,
    pack,
)
from speechsearch.search.triples import LETTERS as ALPHABET
from speechsearch.search.verdict import VerdictOptions
from tests.search.say import VOCABULARY, say

LETTERS = {"_": 0, " ": 1, "a": 2, "b": 3, "c": 4}
OPTIONS = SoundOptions()
SAID = np.array([VOCABULARY[letter] for letter in ALPHABET])


def spoken(text, sure=0.95, frames_each=2):
    """Log-probs of a model that hears ``text``, a blank between letters; ``_`` is a pause."""
    rows = []
    for letter in text:
        row = np.full(len(LETTERS), (1 - sure) / (len(LETTERS) - 1))
        row[LETTERS[letter]] = sure
        blank = np.full(len(LETTERS), (1 - sure) / (len(LETTERS) - 1))
        blank[0] = sure
        rows += [row] * frames_each + [blank]
    return np.log(np.array(rows, np.float32))


def columns(letters=LETTERS):
    return np.array([letters.get(letter, -1) for letter in ALPHABET])


def packed(*texts, letters=LETTERS):
    return pack(Forms.of([text] for text in texts), columns(letters), OPTIONS)


def fit(log_probs, *texts, paths=best_paths):
    sound = evidence(log_probs, 0, columns(), OPTIONS)
    return explained(sound, paths(sound, packed(*texts)))


def brute_force(log_probs, text, o, either):
    """The definition, by trying every part of the title and every path of letters and blanks;
    ``either`` joins two ways: the better one, or both together.
    """
    best_letters = log_probs.argmax(axis=1)
    onset = (best_letters != 0) & np.append(True, best_letters[1:] != best_letters[:-1])
    heard = onset * np.exp(log_probs.max(axis=1))
    discounted = log_probs - o.blank_discount_nats * (np.arange(len(LETTERS)) == 0)
    against = discounted - discounted.max(axis=1, keepdims=True)
    frames = o.scale * np.maximum(against, -o.worst_nats)
    ids, total = [LETTERS[c] for c in text], -np.inf
    for first, last in itertools.combinations_with_replacement(range(len(ids)), 2):
        price = 0.0
        if first:
            cut = o.cut_nats if text[first - 1] == " " else o.cut_word_nats
            price += min(o.miss_nats * first, o.most_miss_nats) + cut
        if last < len(ids) - 1:
            cut = o.cut_nats if text[last + 1] == " " else o.cut_word_nats
            price += min(o.miss_nats * (len(ids) - 1 - last), o.most_miss_nats) + cut
        part = ids[first : last + 1]
        for start in range(len(frames)):
            for end in range(start + len(part), len(frames) + 1):
                skipped = o.skip_nats * (heard[:start].sum() + heard[end:].sum())
                total = either(total, forced(frames[start:end], part, either) - price - skipped)
    return total


def forced(evidence, part, either):
    """CTC paths from the first letter in the first frame to the last letter in the last."""
    states = [part[0]]
    for letter in part[1:]:
        states += [0, letter]
    score = np.full(len(states), -np.inf)
    score[0] = evidence[0, states[0]]
    for row in evidence[1:]:
        new = np.full(len(states), -np.inf)
        for s, letter in enumerate(states):
            came = [score[s]]
            if s:
                came.append(score[s - 1])
            if s > 1 and letter != 0 and letter != states[s - 2]:
                came.append(score[s - 2])
            new[s] = functools.reduce(either, came) + row[letter]
        score = new
    return score[-1]


texts = st.lists(st.sampled_from(["a", "b", "c", "ab"]), min_size=1, max_size=3).map(" ".join)


@pytest.mark.parametrize("paths", [best_paths, all_paths])
def test_a_title_said_word_for_word_fits_best(paths):
    found = fit(spoken("abc cab"), "abc cab", "abc", "cab", "bbb", "abc cab abc", paths=paths)
    assert found.argmax() == 0
    assert found[0] > 0.75


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_the_scorer_equals_the_definition(text, frames, seed):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (frames, len(LETTERS)))
    logits[:, 0] = np.minimum(logits[:, 0], 3)  # no frame is so surely blank that it is folded
    log_probs = (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)
    if (log_probs[:, 0] > np.log(OPTIONS.sure_blank)).any():
        return
    sound = evidence(log_probs, 0, columns(), OPTIONS)
    best = brute_force(log_probs, text, OPTIONS, max)
    together = brute_force(log_probs, text, OPTIONS, np.logaddexp)
    if np.isfinite(best):
        assert best_paths(sound, packed(text))[0] == pytest.approx(best, abs=1e-3)
        assert all_paths(sound, packed(text))[0] == pytest.approx(together, abs=1e-3)


def test_a_part_of_a_long_title_beats_an_unrelated_one():
    found = fit(spoken("abc cab"), "abc cab bbb aaa", "ccc bab")
    assert found[0] > found[1] + 0.2


def test_sound_around_the_title_costs_and_a_carrier_phrase_less():
    def score(said, title):
        sound = evidence(say(said), 0, SAID, OPTIONS)
        return best_paths(sound, pack(Forms.of([[title]]), SAID, OPTIONS))[0]

    bare = score("emma", "emma")
    assert score("find me emma", "emma") == pytest.approx(bare - OPTIONS.carrier_nats, abs=0.5)
    assert score("fynd me emma", "emma") > score("fyxd qx emma", "emma") + 5
    assert score("find me emma", "find me emma") == pytest.approx(bare, abs=0.5)


def test_a_pause_inside_changes_nothing():
    pause = fit(spoken("abc" + "_" * 30 + " cab"), "abc cab")[0]
    assert pause == pytest.approx(fit(spoken("abc cab"), "abc cab")[0], abs=1e-3)


def test_a_doubled_letter_needs_a_blank_between():
    once = np.log(np.full((4, 5), 0.01, np.float32))
    once[:, 2] = np.log(0.96)
    assert fit(once, "a")[0] > fit(once, "aa")[0]


def test_a_spelling_that_lies_across_two_blocks_is_scored_as_a_whole():
    filler = ["b" * (BLOCK_STATES - 3)]
    sound = spoken("abc cab")
    alone = fit(sound, "abc cab")[0]
    assert fit(sound, *filler, "abc cab")[1] == pytest.approx(alone, abs=1e-6)


def test_nothing_to_score_or_nothing_heard_is_no_error():
    assert fit(spoken("abc")).shape == (0,)
    assert fit(np.zeros((0, 5), np.float32), "abc").tolist() == [0]
    silence = np.log(np.full((9, 5), 0.001, np.float32))
    silence[:, 0] = np.log(0.996)
    assert fit(silence, "abc")[0] < 0.1


def test_letters_the_model_does_not_have_are_left_out():
    assert fit(spoken("abc"), "a'bc")[0] == pytest.approx(fit(spoken("abc"), "abc")[0])


def test_many_letters_heard_and_none_for_certain_fit_nothing():
    random = np.random.default_rng(0)
    noise = np.log(random.dirichlet(np.ones(30), 150)).astype(np.float32)
    alphabet = {letter: column for column, letter in enumerate("_ abcdefghijklmnopqrstuvwxyz")}
    titles = packed("emma", "moby dick", "pride and prejudice", letters=alphabet)
    sound = evidence(noise, 0, columns(alphabet), OPTIONS)
    scores = -np.sort(-all_paths(sound, titles))
    assert explained(sound, scores)[0] < VerdictOptions().floor


def test_letters_the_model_lacks_are_left_out_and_nothing_left_fits_nothing():
    found = fit(spoken("abc"), "z", "abzc", "z", "abc", "z")
    assert found[[0, 2, 4]].tolist() == [0, 0, 0]
    assert found[1] == found[3] > 0.5


def test_the_scorer_works_where_its_machine_code_cannot_be_kept():
    program = (
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import numpy as np\n"
        "from speechsearch.search.triples import TRIPLES, triple_scores\n"
        "scores = triple_scores(np.zeros((2, 2), np.float32), np.full(28, 1), 0)\n"
        "assert scores.shape == (TRIPLES,)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
