"""The shipped halves joined again, and a little graph cut in two."""

from __future__ import annotations

import numpy as np
import pytest

from speechsearch.asr.graph import Graph
from speechsearch.asr.model import FrameTiming
from speechsearch.errors import ModelError

onnx = pytest.importorskip("onnx", reason="needs the [torch] extra")
split = pytest.importorskip("speechsearch.asr.split")

STRIDE, FIELD, CHANNELS, LETTERS = 4, 6, 3, 2
TIMING = FrameTiming(STRIDE, FIELD)
CONV = "feature_extractor.conv_layers.0.conv.weight"


def write_graph(path, conv=CONV):
    """conv -> two layer norms -> product + number of samples; the cut is between the norms."""
    rng = np.random.default_rng(0)
    weights = {
        conv: rng.standard_normal((CHANNELS, 1, FIELD)),
        "norm": rng.standard_normal(CHANNELS),
        "projection norm": rng.standard_normal(CHANNELS),
        "head": rng.standard_normal((CHANNELS, LETTERS)),
    }
    stored = [onnx.numpy_helper.from_array(w.astype("f4"), name) for name, w in weights.items()]
    stored.append(onnx.numpy_helper.from_array(np.array([1]), "axis"))
    node = onnx.helper.make_node
    nodes = [
        node("Shape", ["sound"], ["length"], start=1, end=2),
        node("Unsqueeze", ["sound", "axis"], ["channel"]),
        node("Conv", ["channel", conv], ["convolved"], strides=[STRIDE]),
        node("Transpose", ["convolved"], ["frames"], perm=[0, 2, 1]),
        node("LayerNormalization", ["frames", "norm"], ["normed"]),
        node("Gelu", ["normed"], ["features"]),
        node("LayerNormalization", ["features", "projection norm"], ["projected"]),
        node("MatMul", ["projected", "head"], ["product"]),
        node("Cast", ["length"], ["samples"], to=onnx.TensorProto.FLOAT),
        node("Add", ["product", "samples"], ["logits"]),
    ]
    value = onnx.helper.make_tensor_value_info
    source = value("sound", onnx.TensorProto.FLOAT, [1, "samples"])
    target = value("logits", onnx.TensorProto.FLOAT, [1, "frames", LETTERS])
    graph = onnx.helper.make_graph(nodes, "little", [source], [target], stored)
    opset = [onnx.helper.make_opsetid("", 20)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


@pytest.fixture
def halves(tmp_path):
    whole = write_graph(tmp_path / "whole.onnx")
    front, encoder = tmp_path / "front.onnx", tmp_path / "encoder.onnx"
    split.split(whole, front, encoder, TIMING)
    return whole, front, encoder


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_the_halves_make_what_the_whole_makes(halves, frames):
    whole, front, encoder = (Graph.load(path) for path in halves)
    sound = np.random.default_rng(1).standard_normal((1, TIMING.samples(frames)), dtype=np.float32)
    assert np.allclose(encoder.run(front.run(sound)), whole.run(sound), atol=1e-5)


def test_each_weight_is_in_one_half(halves):
    _, *parts = ({i.name for i in onnx.load(path).graph.initializer} for path in halves)
    assert parts == [{CONV, "axis", "norm"}, {"projection norm", "head"}]


def test_the_front_takes_several_sounds(halves):
    front = Graph.load(halves[1])
    sounds = np.random.default_rng(2).standard_normal((3, 90), dtype=np.float32)
    alone = np.concatenate([front.run(sound[None]) for sound in sounds])
    assert np.allclose(front.run(sounds), alone, atol=1e-6)


def test_a_graph_without_the_front_of_a_wav2vec2_is_refused(tmp_path):
    whole = write_graph(tmp_path / "whole.onnx", conv="other")
    with pytest.raises(ModelError, match="no two layer norms"):
        split.split(whole, tmp_path / "front.onnx", tmp_path / "encoder.onnx", TIMING)


def test_halves_that_stray_are_refused(tmp_path):
    """Of another timing, they take another length for the sound's."""
    whole = write_graph(tmp_path / "whole.onnx")
    other = FrameTiming(STRIDE + 1, FIELD + 1)
    with pytest.raises(ModelError, match=r"The halves of .* stray by"):
        split.split(whole, tmp_path / "front.onnx", tmp_path / "encoder.onnx", other)


def test_the_shipped_halves_fit_together(shipped):
    front, encoder = (onnx.load(path).graph for path in shipped.graph_paths)
    dims = [d.dim_param or d.dim_value for d in front.input[0].type.tensor_type.shape.dim]
    assert dims == ["batch", "samples"]
    assert front.output[0].name == encoder.input[0].name
