"""Plans of batches: bounded, complete, repeatable."""

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.learning.training.batches import Place, batches_from, epoch_batches

LENGTHS = st.lists(st.floats(0.3, 15), min_size=1, max_size=60)


@given(LENGTHS, st.floats(1, 60), st.integers(0, 9), st.integers(0, 9))
def test_every_utterance_comes_once_and_no_batch_is_too_long(seconds, most_s, seed, epoch):
    batches = epoch_batches(seconds, [1.0] * len(seconds), most_s, seed, epoch)
    assert sorted(n for batch in batches for n in batch) == list(range(len(seconds)))
    for batch in batches:
        padded_s = len(batch) * max(seconds[n] for n in batch)
        assert padded_s <= most_s + 1e-9 or len(batch) == 1


@given(LENGTHS, st.integers(0, 9), st.integers(0, 20), st.integers(1, 20))
def test_going_on_from_any_place_gives_the_batches_that_were_to_come(seconds, seed, done, more):
    times = [1.0] * len(seconds)
    straight = list(islice(batches_from(Place(), seconds, times, 20, seed), done + more))
    place = straight[done - 1].after if done else Place()
    assert list(islice(batches_from(place, seconds, times, 20, seed), more)) == straight[done:]


def test_epochs_and_seeds_differ():
    plans = {
        tuple(epoch_batches(list(range(1, 40)), [1.0] * 39, 60, seed, epoch))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(plans) == 9


def test_times_says_how_often_an_utterance_comes():
    counts = np.zeros(3)
    for epoch in range(400):
        for batch in epoch_batches([2.0] * 3, [2.0, 0.25, 1.5], 10, 0, epoch):
            for number in batch:
                counts[number] += 1
    assert counts[0] == 800
    assert abs(counts[1] / 400 - 0.25) < 0.08
    assert abs(counts[2] / 400 - 1.5) < 0.08


def test_about_equally_long_ones_come_together():
    seconds = list(np.random.default_rng(0).uniform(1, 10, 500))
    batches = epoch_batches(seconds, [1.0] * 500, 48, 0, 0)
    padded = sum(len(b) * max(seconds[n] for n in b) for b in batches)
    assert padded < 1.2 * sum(seconds)
