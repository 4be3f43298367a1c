"""Graphs as a repository holds them: chosen, compared, refused."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from speechsearch.asr import ready
from speechsearch.asr.agreement import Precision, noise
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.ready import ready_files, take_ready
from speechsearch.errors import ModelError

onnx = pytest.importorskip("onnx", reason="needs the [torch] extra")
SOUNDS = [noise(16_000)]


@pytest.fixture
def repository(family, tmp_path):
    """Both graphs under the names of the hub's converters."""
    convert = pytest.importorskip("speechsearch.asr.convert")
    folder = family("base-960h").folder
    graphs = tmp_path / "hub" / "onnx"
    graphs.mkdir(parents=True)
    shutil.copy(folder.graph_paths[0], graphs / "model.onnx")
    convert.quantise_products(graphs / "model.onnx", graphs / "model_quantized.onnx")
    (tmp_path / "out").mkdir()
    return tmp_path / "hub", tmp_path / "out", folder.info


def take(repository, precision=Precision.INT8):
    return take_ready(*repository, precision, SOUNDS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_quantised_graph_is_taken_where_it_stays_near(repository, family):
    made = take(repository)
    assert made.names == ("model_quantized.onnx",)
    [strays] = made.agreement
    assert 0 < strays.difference < strays.tolerance
    model = OnnxAcousticModel.of_graphs([repository[1] / made.names[0]], repository[2])
    whole = OnnxAcousticModel.load(family("base-960h").folder)
    assert np.abs(model.log_probs(SOUNDS[0]) - whole.log_probs(SOUNDS[0])).mean() < 0.3
    parameters = family("base-960h").folder.manifest.parameters
    assert 0.9 < made.parameters / parameters < 1.3  # so small a graph is not weights alone


def test_a_quantised_graph_that_strays_is_left_for_the_float32_one(repository, monkeypatch):
    monkeypatch.setattr(ready, "MOST_INT8_NATS", 0.0)
    made = take(repository)
    assert made.names == ("model.onnx",)
    assert "int8 strays by" in made.precision
    assert [path.name for path in repository[1].iterdir()] == ["model.onnx"]


def test_a_quantised_graph_alone_is_taken_and_said_to_be_held_against_nothing(repository):
    (repository[0] / "onnx" / "model.onnx").unlink()
    made = take(repository)
    assert made.names == ("model_quantized.onnx",)
    assert "held against nothing" in made.precision
    assert made.parameters == 0


def test_float32_is_taken_where_it_is_asked_for(repository):
    assert take(repository, Precision.FLOAT32).names == ("model.onnx",)


def test_a_graph_of_other_letters_than_the_vocabulary_is_refused(repository, family):
    other = family("base-960h").folder.info
    letters = (*other.vocabulary.letters, "Ä")
    info = dataclasses.replace(
        other, vocabulary=dataclasses.replace(other.vocabulary, letters=letters)
    )
    with pytest.raises(ModelError, match=r"of 32 letters .* says .* of 33"):
        take_ready(repository[0], repository[1], info, Precision.FLOAT32, SOUNDS)


def test_a_damaged_graph_is_refused(repository):
    (repository[0] / "onnx" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="ONNX Runtime does not take"):
        take(repository)


def test_a_graph_that_wants_a_mask_gets_ones(tmp_path):
    from speechsearch.asr.graph import Graph

    value, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    shape = ["sounds", "samples"]
    graph = onnx.helper.make_graph(
        [
            node("Cast", ["attention_mask"], ["mask"], to=onnx.TensorProto.FLOAT),
            node("Mul", ["input_values", "mask"], ["logits"]),
        ],
        "masked",
        [
            value("attention_mask", onnx.TensorProto.INT64, shape),
            value("input_values", onnx.TensorProto.FLOAT, shape),
        ],
        [value("logits", onnx.TensorProto.FLOAT, shape)],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.save(model, tmp_path / "masked.onnx")
    sound = noise(100)[None]
    assert np.array_equal(Graph.load(tmp_path / "masked.onnx").run(sound), sound)


def test_a_graph_that_wants_something_else_is_refused(tmp_path):
    from speechsearch.asr.graph import Graph

    value, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node
    names = ("decoder_ids", "input_values")
    graph = onnx.helper.make_graph(
        [node("Add", list(names), ["logits"])],
        "two",
        [value(name, onnx.TensorProto.FLOAT, ["a"]) for name in names],
        [value("logits", onnx.TensorProto.FLOAT, ["a"])],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.save(model, tmp_path / "two.onnx")
    with pytest.raises(ModelError, match="wants decoder_ids, input_values"):
        Graph.load(tmp_path / "two.onnx")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["onnx/model.onnx", "model.onnx"], ("onnx/model.onnx",)),
        (["model_quantized.onnx"], ("model_quantized.onnx",)),
        (["onnx/model.onnx", "onnx/model.onnx_data"], ("onnx/model.onnx", "onnx/model.onnx_data")),
        (["onnx/model_q4.onnx", "config.json"], ()),
    ],
)
def test_ready_graphs_are_known_by_their_names(names, expected):
    assert ready_files(names, Precision.INT8) == expected
