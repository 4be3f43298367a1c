from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from speechsearch.asr.normalisation import normalise
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import log_softmax
from speechsearch.errors import ModelError

from .conftest import SHIPPED

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
pytest.importorskip("transformers", reason="needs the [torch] extra")
safetensors = pytest.importorskip("safetensors.torch", reason="needs the [torch] extra")
positioned = pytest.importorskip("speechsearch.asr.positioned")

WEIGHTS = "model.safetensors"
TABLE = "wav2vec2.encoder.pos_conv_embed.table"


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "model")


def change_weights(folder, change):
    weights = safetensors.load_file(folder / WEIGHTS)
    change(weights)
    safetensors.save_file(weights, folder / WEIGHTS)


def test_the_shipped_graph_hears_what_torch_hears(model: OnnxAcousticModel):
    """Mean difference of a probability under 0.01: the graph is int8, the torch weights half."""
    network = positioned.load_torch(SHIPPED)
    audio = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    with torch.inference_mode():
        logits = network(torch.from_numpy(normalise(audio))[None]).logits[0].numpy()
    difference = np.exp(log_softmax(logits)) - np.exp(model.log_probs(audio))
    assert np.abs(difference).mean() < 0.01


def test_weights_load_in_float32_and_the_table_says_how_far_positions_reach(shipped):
    network = positioned.load_torch(SHIPPED)
    assert {weight.dtype for weight in network.state_dict().values()} == {torch.float32}
    frames = positioned.table_frames(network)
    assert shipped.info.timing.samples(frames) == shipped.info.max_samples


def test_a_missing_weight_is_an_error(copied):
    change_weights(copied, lambda weights: weights.pop("lm_head.bias"))
    with pytest.raises(ModelError, match=r"lm_head\.bias"):
        positioned.load_torch(copied)


def test_an_unexpected_weight_is_an_error(copied):
    change_weights(copied, lambda weights: weights.update(surplus=torch.zeros(1)))
    with pytest.raises(ModelError, match="surplus"):
        positioned.load_torch(copied)


def test_a_weight_of_another_shape_is_an_error(copied):
    change_weights(copied, lambda weights: weights.update({"lm_head.bias": torch.zeros(3)}))
    with pytest.raises(ModelError, match=r"lm_head\.bias"):
        positioned.load_torch(copied)


def test_loading_as_the_stock_class_is_an_error_and_not_garbage(copied):
    config = json.loads((copied / "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["Wav2Vec2ForCTC"]
    (copied / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match=r"pos_conv_embed\.table"):
        positioned.load_torch(copied)


def test_a_longer_table_is_taken_as_it_comes(copied):
    table = positioned.sinusoids(1600, 384)
    change_weights(copied, lambda weights: weights.update({TABLE: table}))
    assert positioned.table_frames(positioned.load_torch(copied)) == 1600


def test_a_pickle_under_the_name_of_safetensors_is_not_read(copied):
    torch.save({}, copied / WEIGHTS)
    with pytest.raises(ModelError, match="never as a pickle"):
        positioned.load_torch(copied)


def test_the_sinusoids_are_those_that_the_checkpoint_was_saved_with():
    saved = safetensors.load_file(SHIPPED / WEIGHTS)[TABLE].float()
    assert torch.allclose(positioned.sinusoids(*saved.shape), saved, atol=1e-3)
