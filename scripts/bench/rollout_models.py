"""Models that are worse than the embedded one on purpose: its encoder's weights disturbed, or the
same weights with idle work behind them.

    .venv/bin/python scripts/bench/rollout_models.py broken OUT     (subtle, worse, bad, slow, ...)
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from speechsearch.asr.checkpoint import WEIGHTS_FILE
from speechsearch.asr.folder import MANIFEST_FILE, ModelFolder, find_model, write_manifest
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.config import default_models_dir

STARTER = "w2v2-starter"
NOISE = {"subtle": 0.18, "worse": 0.25, "twin": 0.02, "bad": 0.4}
"""Standard deviations of the noise, in those of the weights' columns"""
BROKEN = "broken"
SLOW = "slow"
SLOWER_MS = 300
SEED = 7
IDLE_SIDE = 512
"""Of the square matrices whose products are the idle work"""
Weights = NDArray[np.int8]
Disturb = Callable[[Weights, np.random.Generator], Weights]


def noised(level: float) -> Disturb:
    """Adds noise of ``level`` standard deviations of each column."""

    def disturb(weights: Weights, random: np.random.Generator) -> Weights:
        spread = weights.std(axis=0, keepdims=True) * level
        moved = weights + random.normal(0, 1, weights.shape) * spread
        return np.clip(np.rint(moved), -64, 63).astype(np.int8)

    return disturb


def shuffled(weights: Weights, random: np.random.Generator) -> Weights:
    """The same numbers at random places."""
    return random.permutation(weights.ravel()).reshape(weights.shape)


DISTURBERS = {**{name: noised(level) for name, level in NOISE.items()}, BROKEN: shuffled}


def starter() -> ModelFolder:
    """The embedded model."""
    return find_model(STARTER, [default_models_dir()])


def disturb_graph(folder: ModelFolder, disturb: Disturb, out: Path) -> None:
    """Write the encoder with every quantised matrix disturbed."""
    graph, random = onnx.load(folder.graph_paths[1]), np.random.default_rng(SEED)
    for tensor in graph.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 2:
            weights = disturb(numpy_helper.to_array(tensor), random)
            tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    onnx.save(graph, out)


def disturbed(folder: ModelFolder, disturb: Disturb, out: Path) -> OnnxAcousticModel:
    """The model with a disturbed encoder, whose graph goes to ``out``."""
    disturb_graph(folder, disturb, out)
    return OnnxAcousticModel.of_graphs((folder.graph_paths[0], out), folder.info)


def disturbed_folder(disturb: Disturb, out: Path) -> Path:
    """A model folder of a disturbed encoder, named as ``out`` is."""
    folder = _copied(out)
    disturb_graph(folder, disturb, out / folder.manifest.encoder)
    return _described(folder, out)


def slowed_folder(slower_ms: float, out: Path) -> Path:
    """A model folder that hears the same, so much later on this machine as it is now."""
    folder = _copied(out)
    product, spans_s = np.ones((IDLE_SIDE, IDLE_SIDE), np.float32), []
    for _ in range(50):
        began_s = time.perf_counter()
        product = product @ product / IDLE_SIDE
        spans_s.append(time.perf_counter() - began_s)
    one_ms = min(spans_s) * 1000  # what it takes where nobody else wants the core
    _add_idle_work(out / folder.manifest.encoder, round(slower_ms / one_ms))
    return _described(folder, out)


def _add_idle_work(encoder: Path, products: int) -> None:
    """Multiply matrices in a row, and add nothing times what comes out to the output."""
    model = onnx.load(encoder)
    graph, output = model.graph, model.graph.output[0].name
    inner = f"{output}_without_idle_work"
    for node in graph.node:
        node.output[:] = [inner if name == output else name for name in node.output]
    side, mean = np.full((IDLE_SIDE, IDLE_SIDE), 1 / IDLE_SIDE, np.float32), "idle_mean"
    graph.initializer.extend(
        [numpy_helper.from_array(side, "idle_side"),
         numpy_helper.from_array(np.zeros((), np.float32), "idle_zero")]
    )  # fmt: skip
    graph.node.append(helper.make_node("ReduceMean", [inner], [mean], keepdims=0))
    graph.node.append(helper.make_node("Mul", ["idle_side", mean], ["idle_0"]))
    for n in range(products):
        graph.node.append(helper.make_node("MatMul", [f"idle_{n}", "idle_side"], [f"idle_{n + 1}"]))
    graph.node.append(helper.make_node("ReduceMean", [f"idle_{products}"], ["idle"], keepdims=0))
    graph.node.append(helper.make_node("Mul", ["idle", "idle_zero"], ["idle_nothing"]))
    graph.node.append(helper.make_node("Add", [inner, "idle_nothing"], [output]))
    onnx.save(model, encoder)


def _copied(out: Path) -> ModelFolder:
    folder = starter()
    shutil.copytree(folder.path, out, ignore=shutil.ignore_patterns(WEIGHTS_FILE, MANIFEST_FILE))
    return folder


def _described(folder: ModelFolder, out: Path) -> Path:
    write_manifest(out, msgspec.structs.replace(folder.manifest, name=out.name))
    return out


def make(kind: str, out: Path) -> Path:
    """A model folder of that kind."""
    return (
        slowed_folder(SLOWER_MS, out) if kind == SLOW else disturbed_folder(DISTURBERS[kind], out)
    )


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in {*DISTURBERS, SLOW}:
        sys.exit(__doc__)
    print(make(sys.argv[1], Path(sys.argv[2])))
