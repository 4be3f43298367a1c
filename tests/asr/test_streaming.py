from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.asr.model import FrameTiming, ModelInfo, Vocabulary
from speechsearch.asr.normalisation import Normalisation
from speechsearch.asr.parts import log_softmax
from speechsearch.asr.streaming import Rehearing, Streaming, StreamingOptions
from speechsearch.errors import AudioError

TIMING = FrameTiming(20, 50)
SECOND = 16_000
WINDOW, LEFT = 40, 10
LITTLE = StreamingOptions(WINDOW * 20 / SECOND, LEFT * 20 / SECOND, drift=0.2)


class LocalHalves:
    """Frames look at nobody, so that streaming must be exact; counts the frames it made."""

    def __init__(self, normalised: bool = False) -> None:
        vocabulary = Vocabulary(("-", " ", "a"), 0, 1, frozenset({0}))
        self.info = ModelInfo("local", "1", "", vocabulary, TIMING, 10**6, normalised, True)
        self.made, self.encoded = [], []

    def features(self, heard):
        frames = np.lib.stride_tricks.sliding_window_view(heard, 50)[::20]
        self.made.append(len(frames))
        return np.stack([frames.mean(axis=1), frames[:, 0], frames[:, -1]], axis=1)

    def encode(self, features):
        self.encoded.append(len(features))
        return log_softmax(features)


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples, dtype=np.float32)


@st.composite
def cuttings(draw, longest):
    """Ends of the calls on one utterance, growing."""
    ends = draw(st.sets(st.integers(0, longest), min_size=1, max_size=12))
    return sorted(ends)


@given(cuttings(6000))
def test_however_the_sound_is_cut_each_call_equals_the_whole(ends):
    audio, halves = noise(6000), LocalHalves()
    listening = Streaming(halves, LITTLE)
    for end in ends:
        heard = listening.log_probs(audio[:end])
        assert len(heard) == TIMING.frames(end)
        if len(heard):
            assert np.array_equal(heard, log_softmax(LocalHalves().features(audio[:end])))
    assert sum(halves.made) == TIMING.frames(ends[-1])


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=8))
def test_sound_may_be_taken_back_and_come_again(ends):
    audio, listening = noise(3000), Streaming(LocalHalves(), LITTLE)
    for end in ends:
        heard = listening.log_probs(audio[:end])
        if len(heard):
            assert np.array_equal(heard, log_softmax(LocalHalves().features(audio[:end])))


@given(cuttings(4000), cuttings(4000))
def test_another_sound_is_heard_anew(first, second):
    listening = Streaming(LocalHalves(), LITTLE)
    for seed, ends in enumerate((first, second)):
        for end in ends:
            heard = listening.log_probs(noise(4000, seed)[:end])
    if len(heard):
        assert np.array_equal(heard, log_softmax(LocalHalves().features(noise(4000, 1)[:end])))


@settings(max_examples=25)
@given(cuttings(2 * SECOND))
def test_streamed_features_equal_those_of_the_whole_utterance(model, ends):
    """The shipped front, given the same statistics, for any cutting into calls: within float32.

    Features reach 42 (deviation 5.5); the last bit of a convolution changes with the length, and
    layer norms over a few large channels widen that to at most 0.0009 here.
    """
    audio, timing = noise(2 * SECOND), model.info.timing
    features, made = model.features(audio), []
    for end in ends:
        if timing.frames(end) > len(made):
            made += list(model.features(audio[len(made) * timing.stride_samples : end]))
    if made:
        assert np.allclose(made, features[: len(made)], atol=0.003)


def test_no_call_encodes_more_than_the_window_and_what_is_new():
    audio, halves = noise(10_000), LocalHalves()
    listening = Streaming(halves, LITTLE)
    for end in range(400, 10_001, 400):
        listening.log_probs(audio[:end])
    assert max(halves.encoded) <= WINDOW + 20


def test_settled_frames_keep_what_was_told():
    audio, listening = noise(6000), Streaming(LocalHalves(normalised=True), LITTLE)
    before = listening.log_probs(audio[:4000])
    settled = len(before) - WINDOW + LEFT
    loud = np.concatenate([audio[:4000], 9 * audio[4000:]])
    after = listening.log_probs(loud)
    assert np.array_equal(before[:settled], after[:settled])
    assert not np.allclose(before[settled:], after[settled : len(before)])


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=6))
def test_no_window_is_normalised_by_statistics_that_drifted_beyond_the_tolerance(levels):
    audio = np.concatenate([level * noise(400) for level in levels])
    listening = Streaming(LocalHalves(normalised=True), StreamingOptions(drift=0.2))
    for end in range(400, len(audio) + 1, 200):
        heard = listening.log_probs(audio[:end])
        candidates = (Normalisation.of(audio[:e]) for e in range(400, end + 1, 200))
        now = Normalisation.of(audio[:end])
        near = [one for one in candidates if one.drift(now) <= 0.2]
        outputs = (log_softmax(LocalHalves().features(one.apply(audio[:end]))) for one in near)
        assert any(np.allclose(heard, output, atol=1e-5) for output in outputs)


def test_a_steady_level_makes_no_feature_twice():
    halves = LocalHalves(normalised=True)
    listening = Streaming(halves, StreamingOptions(drift=0.2))
    audio = noise(10_000)
    for end in range(2000, 10_001, 400):
        listening.log_probs(audio[:end])
    assert sum(halves.made) == TIMING.frames(10_000)


@pytest.mark.parametrize("audio", [np.zeros(9), np.full(99, np.nan, dtype=np.float32)])
def test_audio_of_another_kind_is_refused_and_the_utterance_goes_on(audio):
    listening, sound = Streaming(LocalHalves(), LITTLE), noise(500)
    listening.log_probs(sound[:200])
    with pytest.raises(AudioError):
        listening.log_probs(audio)
    assert len(listening.log_probs(sound)) == TIMING.frames(500)


def test_a_caller_may_reuse_its_buffer():
    listening, buffer = Streaming(LocalHalves(), LITTLE), noise(800)
    listening.log_probs(buffer[:600])
    buffer[:] = noise(800, seed=1)
    heard = listening.log_probs(buffer)
    assert np.array_equal(heard, log_softmax(LocalHalves().features(buffer)))


def test_a_spoken_query_streamed_is_heard_as_the_whole_query(model, fixtures):
    """Mean Kullback-Leibler divergence of a frame: int8 rounds otherwise, the level lags."""
    for recording in fixtures.queries[::8]:
        samples, _ = soundfile.read(recording.path, dtype="float32")
        listening = model.listen()
        assert isinstance(listening, Streaming)
        for end in itertools.chain(range(4000, len(samples), 4000), [len(samples)]):
            heard = listening.log_probs(samples[:end])
        whole = model.log_probs(samples)
        assert (np.exp(whole) * (whole - heard)).sum(axis=1).mean() < 0.01


def test_a_model_whose_features_do_not_keep_hears_all_again(model):
    audio = noise(SECOND)
    assert np.array_equal(Rehearing(model).log_probs(audio), model.log_probs(audio))
