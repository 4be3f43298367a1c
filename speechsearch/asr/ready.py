"""Graphs that a repository holds ready for ONNX Runtime, taken as they are: no torch is needed.

``onnx/model.onnx`` and ``onnx/model_quantized.onnx``, as the hub's converters write them; a graph
of over 2 GB has its weights beside it (``model.onnx_data``).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from speechsearch.asr.agreement import (
    MOST_INT8_NATS,
    Graphs,
    Precision,
    agreed,
    check_shapes,
    int8_apart,
)
from speechsearch.asr.folder import Agreement
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.errors import ModelError
from speechsearch.types import Audio

READY_FOLDERS = ("onnx", "")
FLOAT32_FILE, INT8_FILE = "model.onnx", "model_quantized.onnx"
_BESIDE = "_data"
"""What is behind the name of a graph in that of its weights"""


def ready_files(names: Sequence[str], precision: Precision) -> tuple[str, ...]:
    """Which of a repository's files are ready graphs to take, none where there are none.

    The float32 graph always, to hold the quantised one against, unless there is only that.
    """
    for folder in READY_FOLDERS:
        prefix = f"{folder}/" if folder else ""
        float32, int8 = f"{prefix}{FLOAT32_FILE}", f"{prefix}{INT8_FILE}"
        wanted = [float32] if precision is Precision.FLOAT32 else [float32, int8]
        found = [
            name
            for graph in wanted
            if graph in names
            for name in names
            if name == graph or name.startswith(graph + _BESIDE)
        ]
        if found:
            return tuple(found)
    return ()


def ready_in(folder: Path, precision: Precision) -> list[Path]:
    """The ready graphs of a folder, and what belongs to them; none where there are none."""
    here = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [folder / name for name in ready_files(sorted(here), precision)]


def take_ready(
    source: Path, out: Path, info: ModelInfo, precision: Precision, sounds: Sequence[Audio]
) -> Graphs:
    """Copy the graph to use from ``source`` into ``out``; raises ``ModelError`` for an unfit one.

    The quantised one, where it strays little from the float32 one on ``sounds``.
    """
    files = ready_in(source, precision)
    graphs = {path.name: path for path in files if path.suffix == ".onnx"}
    if not graphs:
        raise ModelError(f"{source} holds no ready graph", hint=f"It needs onnx/{FLOAT32_FILE}")
    for path in graphs.values():
        check_shapes(OnnxAcousticModel.of_graphs([path], info))
    chosen, said, checks = _chosen(graphs, info, sounds)
    for path in files:
        if path.name == chosen or path.name.startswith(chosen + _BESIDE):
            shutil.copyfile(path, out / path.name)
    return Graphs((chosen,), said, _parameters(files), checks)


def _chosen(
    graphs: Mapping[str, Path], info: ModelInfo, sounds: Sequence[Audio]
) -> tuple[str, str, tuple[Agreement, ...]]:
    """Name of the graph to use, what to say of its precision, how far it strays."""
    if INT8_FILE not in graphs:
        return FLOAT32_FILE, Precision.FLOAT32.value, ()
    if FLOAT32_FILE not in graphs:
        return INT8_FILE, "int8 as the repository has it, held against nothing", ()
    nats = int8_apart([graphs[FLOAT32_FILE]], [graphs[INT8_FILE]], info, sounds)
    if nats > MOST_INT8_NATS:
        said = f"float32: the repository's int8 strays by {nats:.2g} nats a frame"
        return FLOAT32_FILE, said, ()
    strays = agreed("int8 and float32", nats, MOST_INT8_NATS, "nats a frame")
    return INT8_FILE, "int8 as the repository has it", (strays,)


def _parameters(files: Sequence[Path]) -> int:
    """About: a float32 graph is little else than its weights; 0 where there is none."""
    sizes = [f.stat().st_size for f in files if f.name.startswith(FLOAT32_FILE)]
    return sum(sizes) // 4
