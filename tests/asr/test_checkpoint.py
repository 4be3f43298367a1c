from __future__ import annotations

import json
from pathlib import Path

import pytest

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.asr.model import FrameTiming
from speechsearch.errors import ModelError

from .conftest import write_json


def change(path: Path, **values: object) -> None:
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **values})


def test_shape_letters_and_normalisation_come_from_the_files(checkpoint):
    read = Checkpoint.open(checkpoint)
    assert read.timing == FrameTiming(stride_samples=20, receptive_field_samples=30)
    assert read.vocabulary.letters == ("_", "a", "b", "<pad>", "<unk>", "")
    assert (read.vocabulary.blank_id, read.vocabulary.delimiter_id) == (3, 0)
    assert read.vocabulary.hidden_ids == {3, 4, 5}
    assert not read.normalise


@pytest.mark.parametrize(("norm", "local"), [("layer", True), ("group", False)])
def test_features_are_local_behind_layer_norms_alone(checkpoint, norm, local):
    assert not Checkpoint.open(checkpoint).local_features
    change(checkpoint / "config.json", feat_extract_norm=norm)
    assert Checkpoint.open(checkpoint).local_features == local


def test_a_data2vec_has_layer_norms_whatever_its_configuration_says(checkpoint):
    change(checkpoint / "config.json", architectures=["Data2VecAudioForCTC"])
    assert Checkpoint.open(checkpoint).local_features


def test_a_processor_config_of_newer_transformers_is_read(checkpoint):
    (checkpoint / "preprocessor_config.json").unlink()
    extractor = {"sampling_rate": 16000, "do_normalize": True}
    write_json(checkpoint / "processor_config.json", {"feature_extractor": extractor})
    assert Checkpoint.open(checkpoint).normalise


@pytest.mark.parametrize(
    "name", ["config.json", "vocab.json", "tokenizer_config.json", "preprocessor_config.json"]
)
def test_a_missing_file_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    with pytest.raises(ModelError, match=r"config|vocab"):
        Checkpoint.open(checkpoint)


def test_a_missing_folder_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="No model folder"):
        Checkpoint.open(tmp_path / "nowhere")


def test_broken_json_is_a_model_error(checkpoint):
    (checkpoint / "vocab.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not a JSON object"):
        Checkpoint.open(checkpoint)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architectures": ["Wav2Vec2ForPreTraining"]}, "Wav2Vec2ForPreTraining"),
        ({"architectures": None}, "none"),
        ({"conv_stride": [5, 2]}, "equal length"),
        ({"vocab_size": 2}, "does not fit"),
        ({"add_adapter": True}, "adapter"),
        ({"pad_token_id": 0}, "two blanks"),
    ],
)
def test_an_unfit_config_is_refused(checkpoint, values, message):
    change(checkpoint / "config.json", **values)
    with pytest.raises(ModelError, match=message):
        Checkpoint.open(checkpoint)


def test_a_model_for_another_sample_rate_is_refused(checkpoint):
    change(checkpoint / "preprocessor_config.json", sampling_rate=8000)
    with pytest.raises(ModelError, match="8000 Hz"):
        Checkpoint.open(checkpoint)
