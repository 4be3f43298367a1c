"""Make an ONNX graph smaller without hurting it: int8 MatMuls, half-precision storage ([torch]).

int8 is dynamic, weights per channel with ``reduce_range`` (7 bits: AVX2 without VNNI overflows
otherwise); convolutions stay. Every other large weight is stored in half precision and cast back
when the session starts, so it computes in float32. A weight that alone moves the log-probabilities
by more than ``tolerance_nats`` on calibration audio is left as it is: in the embedded model these
are the third convolution and the projection behind it, whose layer norms live on a few very large
channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from speechsearch.asr.agreement import divergence_nats
from speechsearch.asr.convert import forget_origin, quantise_products
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.types import Audio, LogProbs

SMALLEST = 4096
"""Elements below which a weight is not worth touching."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Recordings (not of an evaluation set) and how far a single weight may move their output."""

    recordings: Sequence[Audio]
    tolerance_nats: float = 1e-3
    """Mean Kullback-Leibler divergence per frame."""

    def sensitive(
        self, reference: Sequence[LogProbs], log_probs: Callable[[Audio], LogProbs]
    ) -> bool:
        """Whether ``log_probs`` strays from the reference outputs by more than the tolerance."""
        return divergence_nats(reference, map(log_probs, self.recordings)) > self.tolerance_nats


def shrink(source: Path, target: Path, info: ModelInfo, calibration: Calibration) -> list[str]:
    """Write the smaller graph; returns the names of what was left in float32."""
    graph = onnx.load(source)
    reference = _outputs(source, info, calibration)

    def sensitive(path: Path) -> bool:
        model = OnnxAcousticModel.of_graphs([path], info)
        return calibration.sensitive(reference, model.log_probs)

    trial = target.with_suffix(".trial.onnx")
    products = []
    for node in _constant_products(graph):
        quantise_products(source, trial, [node.name])
        if not sensitive(trial):
            products.append(node)
    quantised = {node.input[1] for node in products}
    others = [i.name for i in graph.graph.initializer if _large(i) and i.name not in quantised]
    kept = []
    for name in others:
        _store_half(source, trial, {name})
        if sensitive(trial):
            kept.append(name)
    trial.unlink(missing_ok=True)
    quantise_products(source, target, [node.name for node in products])
    _store_half(target, target, set(others) - set(kept))
    return kept


def _outputs(path: Path, info: ModelInfo, calibration: Calibration) -> list[LogProbs]:
    model = OnnxAcousticModel.of_graphs([path], info)
    return [model.log_probs(samples) for samples in calibration.recordings]


def _large(weight: Any) -> bool:
    return weight.data_type == TensorProto.FLOAT and int(np.prod(weight.dims)) >= SMALLEST


def _constant_products(graph: Any) -> list[Any]:
    """The MatMul nodes whose right side is a large weight."""
    weights = {i.name for i in graph.graph.initializer if _large(i)}
    return [n for n in graph.graph.node if n.op_type == "MatMul" and n.input[1] in weights]


def _store_half(source: Path, target: Path, names: set[str]) -> None:
    model = onnx.load(source)
    for weight in [i for i in model.graph.initializer if i.name in names]:
        half = numpy_helper.to_array(weight).astype(np.float16)
        stored = f"{weight.name}_half"
        cast = helper.make_node("Cast", [stored], [weight.name], to=TensorProto.FLOAT)
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(numpy_helper.from_array(half, stored))
        model.graph.node.insert(0, cast)
    forget_origin(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, target)
