"""A checkpoint of torch weights becomes graphs that the base install runs ([torch] extra).

Two graphs, front and encoder, where features may be kept while one speaks; else one. Matrix
products in int8, per channel, 7 bits; where that moves the output too far, float32 stays. Every
step is checked against torch.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import torch
from safetensors.torch import save_file

from speechsearch.asr.agreement import (
    MOST_FEATURE_SHARE,
    MOST_INT8_NATS,
    Graphs,
    Precision,
    agreed,
    batched_apart,
    check_shapes,
    int8_apart,
    most_apart,
    streamed_apart,
)
from speechsearch.asr.checkpoint import WEIGHTS_FILE
from speechsearch.asr.folder import Agreement
from speechsearch.asr.halves import Encoder, Front, Whole, fold_weight_norms
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.positioned import load_torch, read_weights, table_frames
from speechsearch.asr.torch_engine import TorchAcousticModel, parts_of
from speechsearch.errors import ModelError
from speechsearch.types import Audio

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 2_000_000_000
"""Of weights in one graph: a protobuf ends at 2 GiB."""
ONNX_TOLERANCE = 0.05
"""Highest difference of a log-probability (they span about 25) between torch and ONNX in float32.
Stock models stay below 0.0002; one with very large channels loses digits."""
BATCH_TOLERANCE = 1e-3
MOST_TOGETHER = 64
"""Sounds in one batch of the front"""


def convert(
    source: Path, out: Path, info: ModelInfo, precision: Precision, sounds: Sequence[Audio]
) -> Graphs:
    """Write weights and graphs of the checkpoint ``source`` into the folder ``out``.

    ``sounds`` show how far int8 strays. Raises ``ModelError`` for weights that do not fit, or where
    ONNX and torch disagree.
    """
    model = load_torch(source)
    parameters = sum(weight.numel() for weight in model.parameters())
    if 4 * parameters > MOST_BYTES:
        raise ModelError(
            f"{source} has {parameters / 1e6:.0f} M parameters; one graph holds 500 M",
            hint="Take a smaller model of the same family",
        )
    reach = table_frames(model)
    if reach and reach < info.timing.frames(info.max_samples):
        raise ModelError(
            f"The positions of {source} reach {reach} frames, fewer than one piece has",
            hint="Make its folder with scripts/make_model",
        )
    _place_weights(source, out)
    fold_weight_norms(model)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        whole = _write_float32(model, Path(scratch), info)
        checks = _compare(model, whole, info)
        small, chosen, more = _smaller(whole, Path(scratch), info, precision, sounds)
        for path in small:
            path.rename(out / path.name)
    return Graphs(tuple(path.name for path in small), chosen, parameters, (*checks, *more))


def write_graph(
    module: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    axes: dict[int, tuple[str, int, int]],
) -> None:
    """Write the graph of a module of one input.

    ``axes`` are the dimensions of the input that may vary: name, least and most.
    """
    dims = {axis: torch.export.Dim(name, min=a, max=b) for axis, (name, a, b) in axes.items()}
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                module.eval(),
                (example,),
                path,
                input_names=["input_values"],
                output_names=["logits"],
                dynamic_shapes=(dims,),
                dynamo=True,
                external_data=False,
            )
    except Exception as error:  # of the exporter, whose errors share no other base
        raise ModelError(
            f"torch cannot write the graph of {path.stem}: {str(error).splitlines()[0]}",
            hint="Use the versions in constraints.txt, or a repository with onnx/model.onnx",
        ) from error
    written = onnx.load(path)
    forget_origin(written.graph)
    onnx.save(written, path)


def quantise_products(source: Path, target: Path, nodes: Sequence[str] | None = None) -> None:
    """Write the graph with these of its products by constants, or all, in int8."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=None if nodes is None else list(nodes),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )


def forget_origin(graph: Any) -> None:
    """Drop the exporter's stack traces, which name files of the machine it ran on."""
    for part in (graph.node, graph.value_info, graph.input, graph.output, graph.initializer):
        for item in part:
            del item.metadata_props[:]
    del graph.metadata_props[:]


def _place_weights(source: Path, out: Path) -> None:
    """The weights as they are; of a pickle its tensors, since no model folder holds pickles."""
    if (source / WEIGHTS_FILE).exists():
        shutil.copyfile(source / WEIGHTS_FILE, out / WEIGHTS_FILE)
        return
    weights = {name: weight.clone() for name, weight in read_weights(source).items()}
    save_file(weights, out / WEIGHTS_FILE, metadata={"format": "pt"})
    (out / WEIGHTS_FILE).chmod(0o644)  # safetensors leaves it to its owner alone


def _write_float32(model: Any, out: Path, info: ModelInfo) -> list[Path]:
    timing, longest = info.timing, info.max_samples
    samples = ("samples", timing.receptive_field_samples, longest)
    frames = 50
    if not info.local_features:
        sound = torch.zeros(1, timing.samples(frames))
        write_graph(Whole(model), sound, out / "model.onnx", {1: samples})
        return [out / "model.onnx"]
    front = Front(model)
    sounds = torch.zeros(2, timing.samples(frames))
    write_graph(front, sounds, out / "front.onnx", {0: ("sounds", 1, MOST_TOGETHER), 1: samples})
    with torch.no_grad():
        features = front(sounds[:1])
    spans = {1: ("frames", 1, timing.frames(longest))}
    write_graph(Encoder(model), features, out / "encoder.onnx", spans)
    return [out / "front.onnx", out / "encoder.onnx"]


def _compare(model: Any, graphs: Sequence[Path], info: ModelInfo) -> list[Agreement]:
    """ONNX against torch, two sounds against one, streamed against whole."""
    ours = OnnxAcousticModel.of_graphs(graphs, info)
    check_shapes(ours)
    reference = TorchAcousticModel(info, parts_of(model, info))
    apart = most_apart(ours, reference)
    checks = [
        agreed("ONNX and torch", apart, ONNX_TOLERANCE, "nats"),
        agreed("Batched and single", batched_apart(ours), BATCH_TOLERANCE, "nats"),
    ]
    if info.local_features:
        apart = streamed_apart(ours)
        checks.append(agreed("Streamed and whole", apart, MOST_FEATURE_SHARE, "deviations"))
    return checks


def _smaller(
    whole: Sequence[Path],
    out: Path,
    info: ModelInfo,
    precision: Precision,
    sounds: Sequence[Audio],
) -> tuple[list[Path], str, list[Agreement]]:
    """Graphs to ship, what to say of their precision, how far they stray."""
    if precision is Precision.FLOAT32:
        return list(whole), precision.value, []
    *front, last = whole
    small = out / f"{last.stem}.int8.onnx"
    quantise_products(last, small)
    nats = int8_apart(whole, [*front, small], info, sounds)
    if nats > MOST_INT8_NATS:
        said = f"float32: int8 strays by {nats:.2g} nats a frame, more than {MOST_INT8_NATS:g}"
        return list(whole), said, []
    strays = agreed("int8 and float32", nats, MOST_INT8_NATS, "nats a frame")
    return [*front, small], "int8 matrix products, the rest float32", [strays]


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporter and quantiser print and warn of what is no fault of the caller's."""
    loggers = [logging.getLogger(name) for name in ("", "torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
