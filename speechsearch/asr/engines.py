"""Which engine hears, and where: what was asked for against what is here.

A CPU is served best by ONNX Runtime in int8, a GPU by torch. What was asked for and cannot be had
is either an error (an engine) or said aloud and done on the CPU (a GPU).
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path

from speechsearch.asr.checkpoint import WEIGHTS_FILE
from speechsearch.asr.folder import ModelFolder
from speechsearch.asr.model import AcousticModel
from speechsearch.errors import ModelError
from speechsearch.types import Device, Engine

_EXTRA = "pip install 'speechsearch[torch]'"
_GPU_NODES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""NVIDIA, AMD, WSL: looked for before torch, whose import takes seconds"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to choose from."""

    torch: bool
    no_gpu: str
    """Why a GPU cannot be used; empty where one can"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An engine and its place, never ``AUTO``."""

    engine: Engine
    device: Device
    notice: str = ""
    """What was asked for and cannot be had, with what to do; empty where all was had"""

    def __str__(self) -> str:
        return f"{self.engine.value} on the {'GPU' if self.device is Device.CUDA else 'CPU'}"


def choose(engine: Engine, device: Device, weights: bool, here: Surroundings) -> Chosen:
    """Settle what was asked for; ``weights``: whether the model has some for torch.

    Raises ``ModelError`` where torch was asked for and is not installed or has nothing to load.
    """
    if engine is Engine.TORCH:
        _require_torch(weights, here)
    usable = device is not Device.CPU and not here.no_gpu
    if usable and weights and here.torch and engine is not Engine.ONNX:
        return Chosen(Engine.TORCH, Device.CUDA)
    on_cpu = Engine.TORCH if engine is Engine.TORCH else Engine.ONNX
    if device is not Device.CUDA:
        return Chosen(on_cpu, Device.CPU)
    why = here.no_gpu or "this model has ONNX graphs alone; pull its weights with the [torch] extra"
    if engine is Engine.ONNX:
        why = "the ONNX engine runs on the CPU; --engine torch is for the GPU"
    return Chosen(on_cpu, Device.CPU, f"no GPU is used, the CPU is: {why}")


def survey(engine: Engine, device: Device) -> Surroundings:
    """Look at what is here; imports torch only where a GPU may be used."""
    if not all(map(importlib.util.find_spec, ("torch", "transformers", "safetensors"))):
        return Surroundings(False, f"torch is not installed ({_EXTRA})")
    if device is Device.CPU or engine is Engine.ONNX:
        return Surroundings(True, "none was looked for")
    if device is Device.AUTO and not any(Path(node).exists() for node in _GPU_NODES):
        return Surroundings(True, "there is none")
    return Surroundings(True, _why_no_gpu())


def _why_no_gpu() -> str:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of a driver that is too old; the answer is no all the same
        if torch.cuda.is_available():
            return ""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch is built for the CPU alone (install one with CUDA from pytorch.org)"
    return "torch sees none (is there one, and does nvidia-smi list it?)"


def engine_for(folder: ModelFolder, engine: Engine, device: Device) -> Chosen:
    """What would hear with this model; raises ``ModelError`` as ``choose`` does."""
    return choose(engine, device, WEIGHTS_FILE in folder.manifest.files, survey(engine, device))


def load_model(folder: ModelFolder, chosen: Chosen, threads: int) -> AcousticModel:
    """Start the model; ``threads`` are the CPU's. Raises ``ModelError`` for damaged files."""
    if chosen.engine is Engine.TORCH:
        from speechsearch.asr.torch_engine import TorchAcousticModel

        return TorchAcousticModel.load(folder, chosen.device, threads)
    from speechsearch.asr.onnx import OnnxAcousticModel

    return OnnxAcousticModel.load(folder, threads)


def _require_torch(weights: bool, here: Surroundings) -> None:
    if not here.torch:
        raise ModelError(
            "The torch engine was asked for and torch is not installed",
            hint=f"{_EXTRA}, or use --engine onnx",
        )
    if not weights:
        raise ModelError(
            "The torch engine was asked for and this model has ONNX graphs alone",
            hint="Use --engine onnx, or pull the model's own repository with the [torch] extra",
        )
