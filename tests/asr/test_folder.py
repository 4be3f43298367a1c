from __future__ import annotations

import pytest

from speechsearch.asr.folder import ModelFolder, find_model, list_models
from speechsearch.errors import ModelError

from .conftest import SHIPPED, write_manifest


def test_the_shipped_folder_verifies_and_holds_no_pickle(shipped):
    shipped.verify()
    suffixes = {path.suffix for path in SHIPPED.iterdir()}
    assert suffixes <= {".json", ".safetensors", ".onnx", ".md"}


def test_every_shipped_file_is_in_the_manifest(shipped):
    listed = {*shipped.manifest.files, "manifest.json"}
    assert {path.name for path in SHIPPED.iterdir()} == listed


def test_the_shipped_folder_is_under_its_size(shipped):
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 37_000_000


def test_the_shipped_files_name_no_machine():
    for path in SHIPPED.iterdir():
        assert b"site-packages" not in path.read_bytes()


def test_the_shipped_weights_lost_at_most_half_a_point_of_word_error_rate(shipped):
    gates = shipped.manifest.word_error_rate
    assert {gate.table for gate in gates} == {"speech", "phrases"}
    assert all(gate.wer_shipped <= gate.wer_float32 + 0.005 for gate in gates)


def test_info_comes_from_manifest_and_checkpoint(folder):
    read = ModelFolder.open(folder)
    assert read.info.label == "little@7"
    assert read.info.max_samples == 1000
    assert read.info.sha256 == read.manifest.files["graph.onnx"].sha256[:12]
    assert read.graph_paths == (folder / "graph.onnx",)
    assert not read.info.local_features
    read.verify()


def test_the_shipped_graph_is_in_two_halves_and_its_features_keep(shipped):
    assert [path.name for path in shipped.graph_paths] == ["front.onnx", "encoder.int8.onnx"]
    assert shipped.info.local_features


def test_a_model_in_halves_is_known_by_both(folder):
    (folder / "rest.onnx").write_bytes(b"another")
    halves = {"onnx": "", "front": "graph.onnx", "encoder": "rest.onnx"}
    write_manifest(folder, **halves)
    before = ModelFolder.open(folder)
    assert before.graph_paths == (folder / "graph.onnx", folder / "rest.onnx")
    (folder / "rest.onnx").write_bytes(b"anew")
    write_manifest(folder, **halves)
    assert ModelFolder.open(folder).info.sha256 != before.info.sha256


def test_a_changed_byte_fails_verification(folder):
    read = ModelFolder.open(folder)
    (folder / "graph.onnx").write_bytes(b"NOT really a graph")
    with pytest.raises(ModelError, match="sha256 differs"):
        read.verify()


def test_another_size_is_refused_at_once(folder):
    (folder / "graph.onnx").write_bytes(b"short")
    with pytest.raises(ModelError, match="5 bytes"):
        ModelFolder.open(folder)


def test_a_missing_file_is_named(folder):
    (folder / "graph.onnx").unlink()
    with pytest.raises(ModelError, match=r"lacks graph\.onnx"):
        ModelFolder.open(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.PT", "x.pkl", "deep/model.ckpt"])
def test_a_pickle_is_refused_even_unlisted(folder, name):
    (folder / "deep").mkdir()
    (folder / name).write_bytes(b"")
    with pytest.raises(ModelError, match="pickle"):
        ModelFolder.open(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema 2"),
        ({"architecture": "PositionedWav2Vec2ForCTC"}, "architecture"),
        ({"frame_stride_samples": 320}, "frame_stride_samples"),
        ({"receptive_field_samples": 400}, "receptive_field_samples"),
        ({"sample_rate_hz": 8000}, "sample_rate_hz"),
        ({"max_samples": 29}, "below the receptive field"),
        ({"onnx": "other.onnx"}, r"does not list other\.onnx"),
        ({"onnx": "", "front": "graph.onnx", "encoder": "other.onnx"}, r"list other\.onnx"),
        ({"onnx": ""}, "either onnx, or front and encoder"),
        ({"onnx": "", "front": "graph.onnx"}, "either onnx, or front and encoder"),
        ({"front": "graph.onnx", "encoder": "graph.onnx"}, "either onnx, or front and encoder"),
    ],
)
def test_a_manifest_that_contradicts_the_model_is_refused(folder, changes, message):
    write_manifest(folder, **changes)
    with pytest.raises(ModelError, match=message):
        ModelFolder.open(folder)


def test_a_manifest_may_not_reach_outside_of_its_folder(folder):
    files = ModelFolder.open(folder).manifest.files
    write_manifest(folder, files={**files, "../secret": files["graph.onnx"]})
    with pytest.raises(ModelError, match="outside"):
        ModelFolder.open(folder)


def test_a_folder_without_or_with_a_broken_manifest_says_so(folder):
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"manifest\.json"):
        ModelFolder.open(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match=r"has no manifest\.json"):
        ModelFolder.open(folder)


def test_a_model_is_found_by_name_and_by_path(folder):
    assert find_model("little", [folder.parent]).path == folder
    assert find_model(str(folder), []).path == folder


def test_an_unknown_model_error_lists_what_there_is(folder):
    with pytest.raises(ModelError, match="There are: little"):
        find_model("big", [folder.parent / "nowhere", folder.parent])


def test_models_are_listed_and_other_folders_passed_over(folder):
    (folder.parent / "vad").mkdir()
    (folder.parent / "vad" / "manifest.json").write_text("{}", encoding="utf-8")
    assert [found.manifest.name for found in list_models([folder.parent])] == ["little"]
