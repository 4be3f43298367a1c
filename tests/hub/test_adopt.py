"""A folder at hand is taken in whole or not at all."""

from __future__ import annotations

import shutil

import pytest

from speechsearch.asr.agreement import Precision
from speechsearch.asr.folder import ModelFolder, find_model, list_models
from speechsearch.errors import ModelError
from speechsearch.hub import adopt as adopting
from speechsearch.hub.adopt import Origin, adopt, check_name, reference_sounds

from ..asr.conftest import SHIPPED


def test_a_folder_of_weights_becomes_one_that_is_found_by_its_name(family, tmp_path):
    one = family("hubert")
    where = [one.folder.path.parent]
    found = find_model("hubert", where)
    assert (found.info.name, found.info.version) == ("hubert", "local")
    assert found.manifest.graphs == ("front.onnx", "encoder.onnx")
    assert found.manifest.source == "hubert"
    assert {one.what for one in found.manifest.agreement} == {
        "ONNX and torch", "Batched and single", "Streamed and whole",
    }  # fmt: skip
    found.verify()


def test_a_model_folder_is_copied_and_called_as_asked(tmp_path):
    made = adopt(SHIPPED, tmp_path / "mine", Origin("there"), Precision.INT8)
    assert made.info.label == f"mine@{ModelFolder.open(SHIPPED).info.version}"
    assert made.graph_paths[0].read_bytes() == (SHIPPED / "front.onnx").read_bytes()
    made.verify()


def test_a_damaged_model_folder_leaves_nothing(tmp_path):
    source = shutil.copytree(SHIPPED, tmp_path / "damaged")
    graph = bytearray((source / "front.onnx").read_bytes())
    graph[100] ^= 1
    (source / "front.onnx").write_bytes(graph)
    with pytest.raises(ModelError, match="sha256 differs"):
        adopt(source, tmp_path / "models" / "damaged", Origin("there"), Precision.INT8)
    assert list((tmp_path / "models").iterdir()) == []


def test_what_an_earlier_run_left_half_made_is_swept_away_and_never_listed(tmp_path):
    half = tmp_path / ".mine.new"
    shutil.copytree(SHIPPED, half)
    assert list_models([tmp_path]) == []
    adopt(SHIPPED, tmp_path / "mine", Origin("there"), Precision.INT8)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_no_folder_is_said(tmp_path):
    with pytest.raises(ModelError, match="No folder at"):
        adopt(tmp_path / "none", tmp_path / "mine", Origin("there"), Precision.INT8)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a b"])
def test_a_name_that_is_none_is_refused(name, tmp_path):
    with pytest.raises(ModelError, match="cannot name a model"):
        check_name(name, [tmp_path])


def test_a_name_that_is_taken_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    check_name("other", [tmp_path])
    with pytest.raises(ModelError, match="models remove mine"):
        check_name("mine", [tmp_path])


def test_without_torch_weights_alone_are_refused_with_what_to_install(
    family, tmp_path, monkeypatch
):
    source = family("hubert").source
    monkeypatch.setattr(adopting, "torch_here", lambda: False)
    with pytest.raises(ModelError, match=r"needs torch.*pip install 'speechsearch\[torch\]'"):
        adopt(source, tmp_path / "it", Origin("it"), Precision.INT8)


def test_without_torch_ready_graphs_are_taken_and_heard(family, tmp_path, monkeypatch):
    one = family("base-960h")
    monkeypatch.setattr(adopting, "torch_here", lambda: False)
    source = shutil.copytree(one.source, tmp_path / "hub")
    (source / "onnx").mkdir()
    shutil.copy(one.folder.graph_paths[0], source / "onnx" / "model.onnx")
    made = adopt(source, tmp_path / "models" / "it", Origin("it", "a" * 40), Precision.INT8)
    assert made.manifest.graphs == ("model.onnx",)
    assert (made.info.version, made.manifest.license) == ("aaaaaaaa", "apache-2.0")
    assert "model.safetensors" not in made.manifest.files
    assert ModelFolder.open(made.path).manifest.revision == "a" * 40


def test_int8_is_tried_on_speech():
    sounds = reference_sounds()
    assert len(sounds) == 6
    assert all(len(sound) > 16_000 for sound in sounds)
