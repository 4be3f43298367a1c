"""Cut a model's graph in two, front and encoder ([torch] extra).

The front makes features of the sound, each frame of its own samples alone where a layer norm
follows every convolution; the encoder lets frames look at each other. Streaming keeps what the
front made. The cut lies before the feature projection's layer norm: what comes after may be int8,
whose scale is one for all frames. Weights and arithmetic stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from speechsearch.asr.graph import Graph
from speechsearch.asr.model import FrameTiming
from speechsearch.errors import ModelError

TOLERANCE = 0.01
"""Highest difference of a logit (they span about 25) between the whole graph and its halves, and of
a feature (about 80) between sounds in one batch and the same alone. Both were below 0.001 for the
embedded model on this noise; the last bit of a convolution may widen to 0.001 in a feature, and to
0.02 in a log-prob where it tips an int8 rounding."""
_CONVOLUTION = "feature_extractor.conv_layers"


def split(source: Path, front: Path, encoder: Path, timing: FrameTiming) -> None:
    """Write [batch, samples] -> [batch, frames, channels] and [1, frames, channels] -> [1, frames,
    letters].

    Raises ``ModelError`` when the graph has no such place, or the halves hear otherwise than it.
    """
    model = onnx.load(source)
    graph = model.graph
    sound, logits = graph.input[0], graph.output[0]
    name, channels = _features(graph, source)
    sounds = _float32(sound.name, ["batch", "samples"])
    nodes = _behind(graph.node, name, {sound.name})
    _save(model, front, nodes, sounds, _float32(name, ["batch", "frames", channels]))
    nodes = _behind(_measured_on(name, sound.name, graph.node, timing), logits.name, {name})
    letters = logits.type.tensor_type.shape.dim[2].dim_value
    features = _float32(name, [1, "frames", channels])
    _save(model, encoder, nodes, features, _float32(logits.name, [1, "frames", letters]))
    _compare(source, front, encoder, timing)


def _features(graph: Any, source: Path) -> tuple[str, int]:
    """Name and channels of the value behind the last convolution of the front.

    Its own layer norm comes first, then, on that value, the feature projection's.
    """
    convolutions = [n for n in graph.node if n.op_type == "Conv" and _CONVOLUTION in n.input[1]]
    value = convolutions[-1].output[0] if convolutions else ""
    norms = 0
    while taker := next((n for n in graph.node if value and n.input[:1] == [value]), None):
        norms += taker.op_type == "LayerNormalization"
        if norms == 2:
            [scale] = [i for i in graph.initializer if i.name == taker.input[1]]
            return value, scale.dims[0]
        value = taker.output[0]
    raise ModelError(
        f"{source} has no two layer norms behind a convolution named {_CONVOLUTION}",
        hint="Only Wav2Vec2 graphs exported by scripts/make_model can be split",
    )


def _behind(nodes: Iterable[Any], target: str, given: set[str]) -> list[Any]:
    """The nodes, in their order, that ``target`` needs beside what is given."""
    needed, kept = {target}, []
    for node in reversed(list(nodes)):
        if needed.intersection(node.output):
            needed.update(set(node.input) - given)
            kept.append(node)
    return kept[::-1]


def _measured_on(features: str, sound: str, nodes: Iterable[Any], timing: FrameTiming) -> list[Any]:
    """The nodes with the sound's length taken from the features: the least that gives so many."""
    made = []
    for node in nodes:
        if node.op_type != "Shape" or node.input[0] != sound:
            made.append(node)
            continue
        [length] = node.output
        frames, strides, stride, rest = (f"{length}_{part}" for part in ("frames", "*", "by", "+"))
        made += [
            helper.make_node("Shape", [features], [frames], start=1, end=2),
            _constant(stride, timing.stride_samples),
            helper.make_node("Mul", [frames, stride], [strides]),
            _constant(rest, timing.samples(1) - timing.stride_samples),
            helper.make_node("Add", [strides, rest], [length]),
        ]
    return made


def _constant(name: str, value: int) -> Any:
    stored = numpy_helper.from_array(np.array([value], dtype=np.int64))
    return helper.make_node("Constant", [], [name], value=stored)


def _float32(name: str, shape: list[str | int]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _save(model: Any, path: Path, nodes: list[Any], source: Any, target: Any) -> None:
    used = {name for node in nodes for name in node.input}
    weights = [i for i in model.graph.initializer if i.name in used]
    graph = helper.make_graph(nodes, path.stem, [source], [target], weights)
    opsets = {"opset_imports": model.opset_import, "ir_version": model.ir_version}
    part = helper.make_model(graph, **opsets)
    onnx.checker.check_model(part)
    onnx.save(part, path)


def _compare(source: Path, front: Path, encoder: Path, timing: FrameTiming) -> None:
    shape = (2, timing.samples(50))
    sounds = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    ear = Graph.load(front)
    alone = np.concatenate([ear.run(sound[None]) for sound in sounds])
    heard = Graph.load(encoder).run(alone[:1])
    strays = {
        "The halves": np.abs(heard - Graph.load(source).run(sounds[:1])).max(),
        "Two sounds at once in the front": np.abs(ear.run(sounds) - alone).max(),
    }
    for what, difference in strays.items():
        if difference > TOLERANCE:
            raise ModelError(f"{what} of {source} stray by {difference:.4f}")
