"""Every family of transformers the whole way: ONNX == torch == transformers, batched == single,
streamed == whole; the log-probs of these models span about 20 nats.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from speechsearch.asr.agreement import (
    MOST_INT8_NATS,
    Precision,
    noise,
    streamed_apart,
)
from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import log_softmax
from speechsearch.asr.streaming import Rehearing, Streaming
from speechsearch.errors import ModelError
from speechsearch.hub.adopt import Origin, adopt

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
transformers = pytest.importorskip("transformers", reason="needs the [torch] extra")
convert = pytest.importorskip("speechsearch.asr.convert", reason="needs the [torch] extra")
torch_engine = pytest.importorskip("speechsearch.asr.torch_engine")

TorchAcousticModel = torch_engine.TorchAcousticModel
TOLERANCE_NATS = 2e-4
LAYER_NORM = ("large-lv60", "hubert", "data2vec-audio")
GROUP_NORM = ("base-960h", "wavlm")
FAMILIES = (*GROUP_NORM, *LAYER_NORM)
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:.*key_padding_mask"
)


def in_transformers(source, sounds):
    """Log-probs as the library makes them itself: its extractor, its model, its mask if any."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(source)
    network = transformers.AutoModelForCTC.from_pretrained(source).eval()
    given = extractor(sounds, sampling_rate=16_000, return_tensors="pt", padding=True)
    with torch.inference_mode():
        logits = network(**given).logits
    frames = [int(network._get_feat_extract_output_lengths(len(sound))) for sound in sounds]
    return [log_softmax(one[:n].numpy()) for one, n in zip(logits, frames, strict=True)]


@pytest.mark.parametrize("name", FAMILIES)
def test_onnx_torch_and_transformers_hear_the_same(family, name):
    one = family(name)
    onnx, engine = OnnxAcousticModel.load(one.folder), TorchAcousticModel.load(one.folder)
    for samples in (one.folder.info.timing.receptive_field_samples, 16_000, 41_003):
        sound = noise(samples, seed=samples)
        [expected] = in_transformers(one.source, [sound])
        assert np.ptp(expected) > 10
        for model in (onnx, engine):
            assert np.abs(model.log_probs(sound) - expected).max() < TOLERANCE_NATS


@pytest.mark.parametrize("name", FAMILIES)
def test_batched_equals_single(family, name):
    folder = family(name).folder
    sounds = [noise(samples, seed) for seed, samples in enumerate((16_000, 9_000, 16_000))]
    for model in (OnnxAcousticModel.load(folder), TorchAcousticModel.load(folder)):
        together = model.log_probs_of(sounds)
        for one, other in zip(together, map(model.log_probs, sounds), strict=True):
            assert np.abs(one - other).max() < TOLERANCE_NATS


@pytest.mark.parametrize("name", ["large-lv60", "hubert"])
def test_a_padded_batch_under_its_mask_in_transformers_is_what_each_is_alone(family, name):
    """Behind group norms it is not, nor in data2vec, whose stacked positional convolutions carry
    the padding into the last frames: so only equally long sounds are heard together here.
    """
    one = family(name)
    sounds = [noise(16_000, 1), noise(9_000, 2)]
    expected = in_transformers(one.source, sounds)
    for heard, wanted in zip(
        OnnxAcousticModel.load(one.folder).log_probs_of(sounds), expected, strict=True
    ):
        assert np.abs(heard - wanted).max() < TOLERANCE_NATS


@pytest.mark.parametrize("name", LAYER_NORM)
def test_streamed_convolutions_equal_those_of_the_whole(family, name):
    for engine in (OnnxAcousticModel, TorchAcousticModel):
        model = engine.load(family(name).folder)
        assert streamed_apart(model) < 1e-4
        steady = replace(model, info=replace(model.info, normalise=False))  # no level to lag behind
        listening, sound = steady.listen(), noise(24_000)
        assert isinstance(listening, Streaming)
        for end in range(4_000, 24_001, 4_000):
            heard = listening.log_probs(sound[:end])
        assert np.abs(steady.log_probs(sound) - heard).max() < TOLERANCE_NATS


@pytest.mark.parametrize("name", GROUP_NORM)
def test_a_group_norm_says_that_nothing_keeps_and_is_heard_anew(family, name):
    folder = family(name).folder
    assert not folder.info.local_features
    assert folder.manifest.graphs == ("model.onnx",)
    for engine in (OnnxAcousticModel, TorchAcousticModel):
        model, sound = engine.load(folder), noise(16_000)
        listening = model.listen()
        assert isinstance(listening, Rehearing)
        listening.log_probs(sound[:8_000])
        assert np.array_equal(listening.log_probs(sound), model.log_probs(sound))


def test_base_960h_is_described_by_its_own_files(family):
    one = family("base-960h")
    info = one.folder.info
    assert (info.timing.stride_samples, info.normalise) == (320, True)
    assert info.vocabulary.letters[5:8] == ("E", "T", "A")
    assert (info.vocabulary.blank_id, info.vocabulary.word_delimiter) == (0, "|")
    assert (one.folder.manifest.license, one.folder.manifest.language) == ("apache-2.0", "en")


def test_a_wavlm_that_wants_no_normalisation_gets_none(family):
    assert not family("wavlm").folder.info.normalise


@pytest.mark.parametrize("name", ["base-960h", "hubert"])
def test_an_int8_graph_stays_near_and_an_unfit_one_is_not_taken(
    family, tmp_path, monkeypatch, name
):
    folder = family(name).folder
    given = folder.graph_paths, tmp_path, folder.info, Precision.INT8, [noise(16_000)]
    small, _, [strays] = convert._smaller(*given)
    assert small[-1].name in {"model.int8.onnx", "encoder.int8.onnx"}
    assert small[:-1] == list(folder.graph_paths[:-1])
    assert small[-1].stat().st_size < folder.graph_paths[-1].stat().st_size
    assert 0 < strays.difference < MOST_INT8_NATS
    monkeypatch.setattr(convert, "MOST_INT8_NATS", 0.0)
    kept, said, _ = convert._smaller(*given)
    assert kept == list(folder.graph_paths)
    assert said.startswith("float32: int8 strays by")


def test_tensors_of_a_pickle_become_safetensors_and_lower_case_brackets_are_read(tmp_path):
    from random_checkpoints import write_checkpoint

    source = write_checkpoint(tmp_path / "xlsr", "xlsr-lower-case")
    assert not (source / "model.safetensors").exists()
    out = tmp_path / "out"
    out.mkdir()
    convert._place_weights(source, out)
    weights, again = convert.read_weights(source), convert.read_weights(out)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    vocabulary = Checkpoint.open(source).vocabulary
    assert (vocabulary.letters[2], vocabulary.blank_id, vocabulary.delimiter_id) == ("a", 29, 0)
    assert convert.load_torch(source).config.vocab_size == 30


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("content", [{"weight": Evil()}, [1, 2], "damaged"])
def test_a_pickle_of_anything_but_tensors_is_not_loaded(tmp_path, capsys, content):
    path = tmp_path / "pytorch_model.bin"
    if content == "damaged":
        path.write_bytes(b"not a checkpoint")
    else:
        torch.save(content, path)
    with pytest.raises(ModelError, match=r"more than tensors|no table of tensors"):
        convert.read_weights(tmp_path)
    assert not capsys.readouterr().out


def test_weights_of_another_model_are_refused_and_leave_nothing(family, tmp_path):
    source = shutil.copytree(family("hubert").source, tmp_path / "mixed")
    shutil.copy(family("base-960h").source / "model.safetensors", source)
    with pytest.raises(ModelError, match="do not fit HubertForCTC"):
        adopt(source, tmp_path / "models" / "mixed", Origin("it"), Precision.INT8)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_model_too_large_for_one_graph_is_refused(family, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="one graph holds"):
        adopt(family("hubert").source, tmp_path / "big", Origin("it"), Precision.INT8)
