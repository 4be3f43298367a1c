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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
from speechsearch.asr.convert import convert, quantise_products
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
                row = measure(name, make())
                rows.append(row)
                print("| " + " | ".join(map(shown, row.values())) + " |", flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak_mb:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


@dataclass(frozen=True)
class Candidate:
    """A model in both precisions."""

    folder: ModelFolder
    float32: Sequence[Path]
    int8: Sequence[Path]

    @property
    def stock(self) -> bool:
        """Whether transformers knows its class."""
        return not self.folder.manifest.architecture.startswith("Positioned")


def candidates(scratch: Path) -> dict[str, Callable[[], Candidate]]:
    """Name -> what makes the candidate."""
    made = {name: partial(random_model, name, scratch) for name in KINDS}
    for folder in list_models(load_settings().model_dirs):
        if WEIGHTS in folder.manifest.files:
            made[folder.manifest.name] = partial(at_hand, folder, scratch / folder.path.name)
    return made


def random_model(name: str, scratch: Path) -> Candidate:
    """A family with random weights taken in whole, its products then made int8."""
    source = write_checkpoint(scratch / "hub" / name, name, shrunken=name != "base-960h")
    folder = adopt(source, scratch / name, Origin(name), Precision.FLOAT32)
    *front, last = folder.graph_paths
    small = scratch / f"{name}.int8.onnx"
    quantise_products(last, small)
    return Candidate(folder, folder.graph_paths, [*front, small])


def at_hand(folder: ModelFolder, out: Path) -> Candidate:
    """A model folder as it is, its weights converted anew with nothing made smaller."""
    out.mkdir()
    graphs = convert(folder.path, out, folder.info, Precision.FLOAT32, [])
    return Candidate(folder, [out / name for name in graphs.names], folder.graph_paths)


def measure(name: str, candidate: Candidate) -> dict[str, Any]:
    """One row."""
    folder, sounds = candidate.folder, reference_sounds()
    info = folder.info
    small = OnnxAcousticModel.of_graphs(candidate.int8, info)
    whole = OnnxAcousticModel.of_graphs(candidate.float32, info)
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
        "torch_transformers": library_apart(folder, engine) if candidate.stock else None,
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
