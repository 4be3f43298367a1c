"""Whose voice it is like."""

import csv

import numpy as np

from speechsearch.audio.player import read_audio
from speechsearch.monitoring.sound import POOLED, sound_features
from speechsearch.monitoring.voice import child_likeness

USUAL = (0.0,) * POOLED


def test_a_higher_pitch_is_more_like_a_child():
    assert child_likeness(USUAL, 300.0) > child_likeness(USUAL, 120.0)


def test_it_is_a_share():
    for scale in (-1e3, -1.0, 1.0, 1e3):
        assert 0 <= child_likeness((scale,) * POOLED, 200.0) <= 1


def test_what_was_not_heard_is_like_nobody():
    assert np.isnan(child_likeness((float("nan"),) * POOLED, float("nan")))


def test_a_voice_without_pitch_is_told_by_its_spectrum():
    assert 0 <= child_likeness(USUAL, float("nan")) <= 1


def test_children_it_never_heard_are_told_from_grown_ups(shared_data):
    with (shared_data / "phrases.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[::12]
    like = {False: [], True: []}
    for row in rows:
        if not 12 <= int(row["age"]) < 16:
            sound = sound_features(read_audio(shared_data / row["path"]))
            like[int(row["age"]) < 12].append(child_likeness(sound.pooled, sound.pitch_hz))
    above = (np.array(like[True])[:, None] > np.array(like[False])).mean()
    assert above > 0.7
