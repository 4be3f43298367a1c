"""Whether every model is heard alike however it is run: by ONNX, by torch, by transformers;
together and alone; streamed and whole. And what each engine costs.

Models: every family of transformers with random weights, base-960h in its very shape (94 M
parameters) and the others small, and each model at hand that has weights. Highest difference of a
log-probability in nats at lengths of every kind; streamed features in deviations; int8 as mean
Kullback-Leibler divergence of a frame over six recordings of ``audio_fixtures``; the encoder in
bfloat16, as on a GPU, likewise. Milliseconds: median of CPU time for a sound of 3 s, one thread,
engines turn about.

    scripts/bench_engines
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from random_checkpoints import KINDS, write_checkpoint

from speechsearch.asr.agreement import (
    Precision,
    batched_apart,
    divergence_nats,
    most_apart,
    noise,
    streamed_apart,
    trial_lengths,
)
from speechsearch.asr.convert import convert
from speechsearch.asr.folder import ModelFolder, list_models
from speechsearch.asr.halves import Encoder, Front, Whole, fold_weight_norms
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import PartedModel, log_softmax
from speechsearch.asr.positioned import load_torch
from speechsearch.asr.torch_engine import TorchAcousticModel, TorchPart
from speechsearch.config import load_settings
from speechsearch.hub.adopt import Origin, adopt, reference_sounds
from speechsearch.types import SAMPLE_RATE_HZ, Audio

REPEATS = 7
WEIGHTS = "model.safetensors"
COLUMNS = (
    "model", "parameters_m", "onnx_torch", "torch_transformers", "batched_onnx", "batched_torch",
    "streamed_onnx", "streamed_torch", "int8_nats", "bfloat16_nats", "int8_ms", "float32_ms",
    "torch_ms",
)  # fmt: skip


def main() -> None:
    """Measure and print one row a model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=[], help="names of families or models")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    rows = []
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in candidates(Path(scratch)).items():
            if not options.only or name in options.only:
                row = measure(name, *make())
                rows.append(row)
                print("| " + " | ".join(map(shown, row.values())) + " |", flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak_mb:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def candidates(scratch: Path) -> dict[str, Callable[[], tuple[ModelFolder, list[Path], bool]]]:
    """Name -> what makes a folder, its graphs in float32, and whether transformers knows it."""

    def random(name: str) -> tuple[ModelFolder, list[Path], bool]:
        full = name == "base-960h"
        source = write_checkpoint(scratch / "hub" / name, name, shrunken=not full)
        folder = adopt(source, scratch / name, Origin(name), Precision.INT8)
        return folder, float32_graphs(folder, scratch / f"{name}-float32"), True

    def at_hand(folder: ModelFolder) -> tuple[ModelFolder, list[Path], bool]:
        stock = not folder.manifest.architecture.startswith("Positioned")
        return folder, float32_graphs(folder, scratch / f"{folder.path.name}-float32"), stock

    made: dict[str, Callable[[], tuple[ModelFolder, list[Path], bool]]] = {
        name: lambda name=name: random(name) for name in KINDS
    }
    for folder in list_models(load_settings().model_dirs):
        if WEIGHTS in folder.manifest.files:
            made[folder.manifest.name] = lambda folder=folder: at_hand(folder)
    return made


def float32_graphs(folder: ModelFolder, out: Path) -> list[Path]:
    """The folder's weights converted anew, nothing made smaller."""
    out.mkdir()
    graphs = convert(folder.path, out, folder.info, Precision.FLOAT32, [])
    return [out / name for name in graphs.names]


def measure(name: str, folder: ModelFolder, float32: list[Path], stock: bool) -> dict[str, Any]:
    """One row."""
    info, sounds = folder.info, reference_sounds()
    small = OnnxAcousticModel.load(folder)
    whole = OnnxAcousticModel.of_graphs(float32, info)
    engine = TorchAcousticModel.load(folder)
    reference = [engine.log_probs(sound) for sound in sounds]

    def strays(model: PartedModel) -> float:
        return divergence_nats(reference, map(model.log_probs, sounds))

    def streamed(model: PartedModel) -> float | None:
        return streamed_apart(model) if info.local_features else None

    return {
        "model": name,
        "parameters_m": folder.manifest.parameters / 1e6,
        "onnx_torch": most_apart(whole, engine),
        "torch_transformers": library_apart(folder, engine) if stock else None,
        "batched_onnx": batched_apart(small),
        "batched_torch": batched_apart(engine),
        "streamed_onnx": streamed(whole),
        "streamed_torch": streamed(engine),
        "int8_nats": strays(small),
        "bfloat16_nats": strays(reduced(folder)),
        **costs_ms({"int8_ms": small, "float32_ms": whole, "torch_ms": engine}),
    }


def library_apart(folder: ModelFolder, engine: PartedModel) -> float:
    """Highest difference to transformers' own extractor and model, in nats."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder.path)
    network = transformers.AutoModelForCTC.from_pretrained(folder.path).eval()
    worst = 0.0
    for seed, samples in enumerate(trial_lengths(folder.info)):
        sound = noise(samples, seed)
        given = extractor([sound], sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        with torch.inference_mode():
            expected = log_softmax(network(**given).logits[0].numpy())
        worst = max(worst, float(np.abs(engine.log_probs(sound) - expected).max()))
    return worst


def reduced(folder: ModelFolder) -> TorchAcousticModel:
    """As on a GPU, on the CPU."""
    network = load_torch(folder.path, fused_attention=True)
    fold_weight_norms(network)
    modules = (
        (Front(network), Encoder(network, reduced=True))
        if folder.info.local_features
        else (Whole(network, reduced=True),)
    )
    return TorchAcousticModel(folder.info, tuple(TorchPart(m.eval(), "cpu") for m in modules))


def costs_ms(models: dict[str, PartedModel]) -> dict[str, float]:
    """Median CPU time of each, turn about."""
    sound, spent = noise(3 * SAMPLE_RATE_HZ), {name: [] for name in models}
    for turn in range(REPEATS + 1):
        for name, model in models.items():
            took = cpu_ms(model, sound)
            if turn:
                spent[name].append(took)
    return {name: statistics.median(times) for name, times in spent.items()}


def cpu_ms(model: PartedModel, sound: Audio) -> float:
    """CPU milliseconds of the process for one sound."""
    began_s = time.process_time()
    model.log_probs(sound)
    return (time.process_time() - began_s) * 1000


def shown(value: object) -> str:
    """A cell."""
    if value is None:
        return "-"
    return (
        f"{value:.2g}"
        if isinstance(value, float) and value < 10
        else (f"{value:.0f}" if isinstance(value, float) else str(value))
    )


if __name__ == "__main__":
    main()
