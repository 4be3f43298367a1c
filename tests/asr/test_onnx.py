from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.model import FrameTiming, ModelInfo, Vocabulary
from speechsearch.asr.normalisation import normalise
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import log_softmax
from speechsearch.asr.streaming import Rehearing, Streaming
from speechsearch.errors import AudioError, ModelError

FIELD, STRIDE, LONGEST = 50, 20, 20 * 60


class LocalGraph:
    """Each frame's letters depend on its own samples alone, so stitching must be exact."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run(self, batch):
        self.lengths.append(batch.shape[1])
        frames = np.lib.stride_tricks.sliding_window_view(batch, FIELD, axis=1)[:, ::STRIDE]
        return np.stack([frames.mean(axis=2), frames[..., 0], frames[..., -1]], axis=2)


class SameGraph:
    """An encoder that changes nothing."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run(self, batch):
        assert len(batch) == 1
        self.lengths.append(batch.shape[1])
        return batch


def local_model(
    *graphs: LocalGraph | SameGraph, normalised: bool = True, local_features: bool = True
) -> OnnxAcousticModel:
    vocabulary = Vocabulary(("-", " ", "a"), 0, 1, frozenset({0}))
    timing = FrameTiming(STRIDE, FIELD)
    info = ModelInfo("local", "1", "", vocabulary, timing, LONGEST, normalised, local_features)
    return OnnxAcousticModel(info, graphs)


@given(st.integers(FIELD, 20 * LONGEST))
def test_long_audio_in_pieces_equals_the_whole_frame_for_frame(samples):
    audio = np.random.default_rng(samples).standard_normal(samples, dtype=np.float32)
    graph, front, encoder = LocalGraph(), LocalGraph(), SameGraph()
    expected = log_softmax(LocalGraph().run(normalise(audio)[None])[0])
    assert np.array_equal(local_model(graph).log_probs(audio), expected)
    assert np.array_equal(local_model(front, encoder).log_probs(audio), expected)
    assert max(graph.lengths) < LONGEST + STRIDE
    assert max(front.lengths) <= LONGEST
    assert max(encoder.lengths) <= FrameTiming(STRIDE, FIELD).frames(LONGEST)


@given(st.lists(st.integers(0, 3 * LONGEST), max_size=6), st.booleans())
def test_several_sounds_are_heard_as_each_alone_in_their_order(lengths, halved):
    rng = np.random.default_rng(0)
    sounds = [rng.standard_normal(length // 300 * 300, dtype=np.float32) for length in lengths]
    graphs = (LocalGraph(), SameGraph()) if halved else (LocalGraph(),)
    several = local_model(*graphs).log_probs_of(sounds)
    alone = [local_model(*graphs).log_probs(sound) for sound in sounds]
    assert len(several) == len(sounds)
    assert all(map(np.array_equal, several, alone))


def test_a_whole_graph_also_hears_the_samples_behind_the_last_frame():
    """A group norm takes its statistics over them."""
    graph = LocalGraph()
    local_model(graph, local_features=False).log_probs(
        np.ones(FIELD + STRIDE - 1, dtype=np.float32)
    )
    assert graph.lengths == [FIELD + STRIDE - 1]


def test_equally_long_sounds_pass_the_front_together():
    front = LocalGraph()
    sounds = [np.ones(length, dtype=np.float32) for length in (500, 300, 500)]
    local_model(front, SameGraph()).log_probs_of(sounds)
    assert sorted(front.lengths) == [290, 490]


def test_the_shipped_model_hears_several_sounds_as_each_alone(model):
    sounds = list(np.random.default_rng(5).standard_normal((3, 16000), dtype=np.float32))
    several = model.log_probs_of([*sounds, sounds[0][:8000]])
    alone = [model.log_probs(sound) for sound in (*sounds, sounds[0][:8000])]
    for one, other in zip(several, alone, strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_one_bad_sound_refuses_them_all(model):
    with pytest.raises(AudioError):
        model.log_probs_of([np.zeros(2000, dtype=np.float32), np.zeros(2000)])


@pytest.mark.parametrize(
    ("graphs", "local_features", "kind"),
    [
        ((LocalGraph(), SameGraph()), True, Streaming),
        ((LocalGraph(), SameGraph()), False, Rehearing),
        ((LocalGraph(),), True, Rehearing),
    ],
)
def test_only_halves_with_local_features_keep_them(graphs, local_features, kind):
    model = local_model(*graphs, local_features=local_features)
    listening, audio = model.listen(), np.random.default_rng(6).standard_normal(900, dtype="f4")
    assert isinstance(listening, kind)
    for end in (10, 400, 900):
        heard = listening.log_probs(audio[:end])
        assert len(heard) == len(model.log_probs(audio[:end]))


def test_audio_below_the_receptive_field_gives_no_frames(model):
    short = np.zeros(model.info.timing.receptive_field_samples - 1, dtype=np.float32)
    assert model.log_probs(short).shape == (0, 32)
    assert model.log_probs(short[:0]).shape == (0, 32)


def test_the_shortest_audio_gives_one_frame_that_sums_to_one(model):
    samples = np.ones(model.info.timing.receptive_field_samples, dtype=np.float32)
    heard = model.log_probs(samples)
    assert heard.shape == (1, 32)
    assert heard.dtype == np.float32
    assert np.exp(heard).sum() == pytest.approx(1, abs=1e-5)


def test_over_its_limit_the_model_loses_no_frame(model):
    audio = np.random.default_rng(0).standard_normal(33 * 16000).astype(np.float32)
    heard = model.log_probs(audio)
    assert len(heard) == model.info.timing.frames(len(audio))
    assert np.isfinite(heard).all()


def test_the_model_hears_the_same_at_any_loudness(model):
    audio = np.random.default_rng(1).standard_normal(16000).astype(np.float32) / 4
    loud, quiet = (np.exp(model.log_probs(samples)) for samples in (audio, audio / 8))
    assert np.allclose(loud, quiet, atol=0.02)


def test_a_model_that_wants_no_normalisation_gets_none():
    audio = np.linspace(0, 1, 500, dtype=np.float32)
    plain = local_model(LocalGraph(), normalised=False).log_probs(audio)
    assert not np.allclose(plain, local_model(LocalGraph()).log_probs(audio))


def test_silence_gives_finite_output(model):
    assert np.isfinite(model.log_probs(np.zeros(16000, dtype=np.float32))).all()


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(16000),
        np.zeros(16000, dtype=np.int16),
        np.zeros((1, 16000), dtype=np.float32),
        np.full(16000, np.nan, dtype=np.float32),
        np.full(16000, np.inf, dtype=np.float32),
    ],
)
def test_audio_of_another_kind_is_refused(model, audio):
    with pytest.raises(AudioError):
        model.log_probs(audio)


def test_log_softmax_leaves_log_probabilities_as_they_are():
    logits = np.random.default_rng(3).standard_normal((7, 5)).astype(np.float32) * 30
    once = log_softmax(logits)
    assert np.allclose(once, log_softmax(once), atol=1e-6)


def test_a_graph_that_is_none_is_a_model_error(folder):
    with pytest.raises(ModelError, match="ONNX Runtime does not take"):
        OnnxAcousticModel.load(ModelFolder.open(folder))


def test_a_damaged_graph_is_not_started(folder):
    read = ModelFolder.open(folder)
    (folder / "graph.onnx").write_bytes(b"NOT really a graph")
    with pytest.raises(ModelError, match="sha256 differs"):
        OnnxAcousticModel.load(read)


def test_warming_up_leaves_the_answers_alone(model):
    audio = np.random.default_rng(4).standard_normal(16000).astype(np.float32)
    before = model.log_probs(audio)
    model.warm_up()
    assert np.array_equal(before, model.log_probs(audio))
