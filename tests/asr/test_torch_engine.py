"""The torch engine beside the ONNX engine on the shipped model, in float32 and as on a GPU."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from speechsearch.asr.agreement import divergence_nats, noise, streamed_apart
from speechsearch.asr.ctc import greedy
from speechsearch.asr.wer import count_errors
from speechsearch.audio.player import read_audio
from speechsearch.errors import AudioError, ModelError
from speechsearch.types import Device

from .conftest import SHIPPED

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
pytest.importorskip("transformers", reason="needs the [torch] extra")
torch_engine = pytest.importorskip("speechsearch.asr.torch_engine")
positioned = pytest.importorskip("speechsearch.asr.positioned")

INT8_NATS = 0.005
"""Mean divergence of a frame that int8 makes of float32; 0.0009 measured"""
BFLOAT16_NATS = 0.0005
"""0.00003 measured"""


@pytest.fixture(scope="module")
def engine(shipped):
    return torch_engine.TorchAcousticModel.load(shipped)


@pytest.fixture(scope="module")
def reduced(shipped):
    """As on a GPU, on the CPU: the encoder in bfloat16 with fused attention."""
    network = positioned.load_torch(SHIPPED, fused_attention=True)
    torch_engine.fold_weight_norms(network)
    parts = (torch_engine.Front(network), torch_engine.Encoder(network, reduced=True))
    made = tuple(torch_engine.TorchPart(part.eval(), "cpu") for part in parts)
    return torch_engine.TorchAcousticModel(shipped.info, made)


@pytest.fixture(scope="module")
def spoken(fixtures):
    return [read_audio(recording.path) for recording in fixtures.queries[::6]]


def heard(model, sound):
    return greedy(model.log_probs(sound), model.info.vocabulary, model.info.timing).text


def test_it_hears_what_the_onnx_engine_hears(engine, model, spoken):
    ours, theirs = ([one.log_probs(sound) for sound in spoken] for one in (engine, model))
    assert divergence_nats(ours, theirs) < INT8_NATS
    letters = [count_errors(heard(engine, s), heard(model, s)) for s in spoken]
    assert sum(one.letter_errors for one in letters) <= 0.03 * sum(one.letters for one in letters)


def test_reduced_as_on_a_gpu_it_stays_near_float32(engine, reduced, spoken):
    whole, small = ([one.log_probs(sound) for sound in spoken] for one in (engine, reduced))
    assert 0 < divergence_nats(whole, small) < BFLOAT16_NATS
    assert all(one.dtype == np.float32 for one in small)


def test_reduced_it_still_sees_no_neighbour_and_streams(reduced):
    sounds = [noise(16_000, 1), noise(16_000, 2)]
    together = reduced.log_probs_of(sounds)
    alone = [reduced.log_probs(sound) for sound in sounds]
    assert divergence_nats(alone, together) < BFLOAT16_NATS
    assert streamed_apart(reduced) < 1e-3


def test_equally_long_sounds_pass_all_of_it_at_once(engine, monkeypatch):
    sizes = []

    class Counting:
        def __init__(self, part):
            self.part = part

        def run(self, batch):
            sizes.append(len(batch))
            return self.part.run(batch)

    counted = dataclasses.replace(engine, parts=tuple(map(Counting, engine.parts)))
    counted.log_probs_of([noise(9_000, 1), noise(8_000, 2), noise(9_000, 3)])
    assert sizes == [2, 2, 1, 1]


@pytest.mark.parametrize("samples", [0, 300, 1199])
def test_audio_below_the_receptive_field_gives_no_frames(engine, samples):
    assert engine.log_probs(noise(samples)).shape == (0, 32)


def test_audio_of_another_kind_is_refused(engine):
    with pytest.raises(AudioError):
        engine.log_probs(np.zeros(16_000))


def test_damaged_weights_are_not_loaded(shipped, tmp_path):
    copy = shutil.copytree(SHIPPED, tmp_path / "copy")
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    folder = dataclasses.replace(shipped, path=copy)
    with pytest.raises(ModelError, match="sha256 differs"):
        torch_engine.TorchAcousticModel.load(folder, Device.CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_it_hears_what_the_cpu_hears(shipped, engine, spoken):
    on_gpu = torch_engine.TorchAcousticModel.load(shipped, Device.CUDA)
    whole, small = ([one.log_probs(sound) for sound in spoken] for one in (engine, on_gpu))
    assert divergence_nats(whole, small) < BFLOAT16_NATS
