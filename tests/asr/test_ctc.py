from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.ctc import greedy, letters
from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.asr.parts import log_softmax

VOCABULARY = Vocabulary(("|", "A", "b", "'", "<pad>", "<unk>", ""), 4, 0, frozenset({4, 5, 6}))
TIMING = FrameTiming(stride_samples=320, receptive_field_samples=1200)
paths = st.lists(st.integers(0, len(VOCABULARY.letters) - 1), max_size=60)


def probabilities(path, best=0.9):
    """Each frame gives ``best`` to its letter and shares out the rest."""
    count = len(VOCABULARY.letters)
    table = np.full((len(path), count), (1 - best) / (count - 1), dtype=np.float32)
    table[np.arange(len(path)), path] = best
    return np.log(table)


def collapse(path):
    kept = [i for i, _ in itertools.groupby(path) if i not in VOCABULARY.hidden_ids]
    text = "".join(VOCABULARY.letters[i] for i in kept).replace("|", " ").lower()
    return " ".join(text.split())


def read(path, offset_s=0.0):
    return greedy(probabilities(path), VOCABULARY, TIMING, offset_s)


@given(paths)
def test_the_text_is_the_collapsed_path_in_lower_case(path):
    assert read(path).text == collapse(path)


@given(paths, st.floats(0, 1000))
def test_words_make_the_text_and_follow_one_another_in_time(path, offset_s):
    heard = read(path, offset_s)
    assert " ".join(word.word for word in heard.words) == heard.text
    times = [t for word in heard.words for t in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(word.start_s < word.end_s for word in heard.words)
    assert all(offset_s <= t <= offset_s + TIMING.start_s(len(path)) for t in times)


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_confidences_lie_between_nought_and_one(frames, seed):
    logits = np.random.default_rng(seed).standard_normal((frames, 7)).astype(np.float32) * 5
    heard = greedy(log_softmax(logits), VOCABULARY, TIMING)
    assert 0 <= heard.confidence <= 1
    assert all(0 < word.confidence <= 1 for word in heard.words)


@given(st.lists(st.sampled_from([0, 4, 5, 6]), max_size=30))
def test_blanks_delimiters_and_special_tokens_alone_give_nothing(path):
    heard = read(path)
    assert (heard.text, heard.confidence, heard.words) == ("", 0.0, ())


def test_a_repeat_is_folded_unless_a_blank_is_between():
    assert read([2, 2, 4, 2]).text == "bb"


def test_times_span_first_to_last_letter_centred_in_what_a_frame_hears():
    word = read([4, 1, 4, 2, 2, 4, 0], offset_s=10.0).words[0]
    assert word.start_s == pytest.approx(10 + (320 + 440) / 16000)
    assert word.end_s == pytest.approx(10 + (5 * 320 + 440) / 16000)


def test_word_confidence_is_the_geometric_mean_of_each_letters_best_frame():
    log_probs = probabilities([1, 1, 4, 2])
    log_probs[0] = probabilities([1], best=0.5)[0]
    log_probs[3] = probabilities([2], best=0.4)[0]
    word = greedy(log_probs, VOCABULARY, TIMING).words[0]
    assert word.confidence == pytest.approx((0.9 * 0.4) ** 0.5, rel=1e-5)


def test_letters_keep_their_frames():
    runs = letters(probabilities([1, 1, 4, 0, 2]), VOCABULARY)
    assert [(r.letter_id, r.first_frame, r.end_frame) for r in runs] == [
        (1, 0, 2),
        (0, 3, 4),
        (2, 4, 5),
    ]
