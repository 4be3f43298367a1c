from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.model import FrameTiming, ModelInfo, Vocabulary
from speechsearch.asr.onnx import OnnxAcousticModel, log_softmax, normalise
from speechsearch.errors import AudioError, ModelError

FIELD, STRIDE, LONGEST = 50, 20, 20 * 60


class LocalSession:
    """Each frame's letters depend on its own samples alone, so stitching must be exact."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run(self, _outputs, inputs):
        samples = inputs["audio"][0]
        self.lengths.append(len(samples))
        frames = np.lib.stride_tricks.sliding_window_view(samples, FIELD)[::STRIDE]
        return [np.stack([frames.mean(axis=1), frames[:, 0], frames[:, -1]], axis=1)[None]]


def local_model(session: LocalSession, normalised: bool = True) -> OnnxAcousticModel:
    vocabulary = Vocabulary(("-", " ", "a"), 0, 1, frozenset({0}))
    timing = FrameTiming(STRIDE, FIELD)
    info = ModelInfo("local", "1", "", vocabulary, timing, LONGEST, normalised)
    return OnnxAcousticModel(info, session, "audio")


@settings(deadline=None)
@given(st.integers(FIELD, 20 * LONGEST))
def test_long_audio_in_pieces_equals_the_whole_frame_for_frame(samples):
    audio = np.random.default_rng(samples).standard_normal(samples, dtype=np.float32)
    session = LocalSession()
    heard = local_model(session).log_probs(audio)
    whole = log_softmax(LocalSession().run(None, {"audio": normalise(audio)[None]})[0][0])
    assert np.array_equal(heard, whole)
    assert max(session.lengths) <= LONGEST


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
    plain = local_model(LocalSession(), normalised=False).log_probs(audio)
    assert not np.allclose(plain, local_model(LocalSession()).log_probs(audio))


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


def test_normalised_audio_has_zero_mean_and_unit_variance():
    audio = np.random.default_rng(2).uniform(0, 0.1, 8000).astype(np.float32)
    heard = normalise(audio)
    assert heard.dtype == np.float32
    assert heard.mean() == pytest.approx(0, abs=1e-4)
    assert heard.var() == pytest.approx(1, abs=1e-3)


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
