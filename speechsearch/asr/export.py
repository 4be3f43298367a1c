"""Turn a checkpoint into a model folder that the base install runs ([torch] extra).

torch -> ONNX (checked against torch) -> smaller graph -> two halves, where features may be kept ->
gate on word error rate -> folder with half-precision safetensors, configuration and manifest.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2ForCTC

from speechsearch.asr.agreement import UNLIMITED_FRAMES
from speechsearch.asr.checkpoint import CHECKPOINT_FILES, WEIGHTS_FILE, Checkpoint
from speechsearch.asr.convert import write_graph
from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import (
    SCHEMA,
    Agreement,
    GateResult,
    Manifest,
    ModelFolder,
    write_manifest,
)
from speechsearch.asr.graph import Graph
from speechsearch.asr.halves import Whole, fold_weight_norms
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.normalisation import normalise
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.parts import log_softmax
from speechsearch.asr.positioned import load_torch, table_frames
from speechsearch.asr.shrink import SMALLEST, Calibration, shrink
from speechsearch.asr.split import split
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.errors import ModelError
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs

ONNX_FILE, FRONT_FILE, ENCODER_FILE = "model.int8.onnx", "front.onnx", "encoder.int8.onnx"
FLOAT32_FILE = "model.float32.onnx"
ONNX_TOLERANCE = 0.002
"""Highest difference of a logit between torch and ONNX in float32, as a share of what the logits
span (30 to 40, more the surer a model is). The closed form front end subtracts large numbers, which
costs digits: torch itself strays by 0.0005 from float64, ONNX by 0.0014 of torch at worst."""
MOST_WER_LOSS = 0.005
"""Absolute; more and the smaller graph is refused."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What the checkpoint's files do not say."""

    name: str
    version: str
    license: str
    language: str
    float32: bool = False
    """Whether the whole graph in float32 lies beside the smaller ones"""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One utterance of an evaluation table."""

    samples: Audio
    transcript: str


Tables = dict[str, Sequence[Recording]]


def export(
    checkpoint: Path, out: Path, labels: Labels, calibration: Calibration, tables: Tables
) -> ModelFolder:
    """Make the folder ``out``; ``ModelError`` when ONNX strays from torch or the gate refuses."""
    read = Checkpoint.open(checkpoint)
    model = load_torch(checkpoint)
    info = ModelInfo(
        name=labels.name,
        version=labels.version,
        sha256="",
        vocabulary=read.vocabulary,
        timing=read.timing,
        max_samples=_max_samples(model, read),
        normalise=read.normalise,
        local_features=read.local_features,
    )
    manifest = _manifest(read, info, labels, sum(p.numel() for p in model.parameters()))
    out.mkdir(parents=True, exist_ok=True)
    for name in CHECKPOINT_FILES:
        if (checkpoint / name).exists():
            shutil.copyfile(checkpoint / name, out / name)
    save_half(model, out / WEIGHTS_FILE, calibration)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "float32.onnx"
        agreement = to_onnx(model, whole, info)
        shrink(whole, Path(scratch) / ONNX_FILE, info, calibration)
        shipped = place_graphs(Path(scratch) / ONNX_FILE, out, info)
        models = [OnnxAcousticModel.of_graphs(paths, info) for paths in ([whole], shipped)]
        gates = [gate(name, rows, models[0], models[1]) for name, rows in tables.items()]
        if labels.float32:
            shutil.copyfile(whole, out / FLOAT32_FILE)
    write_manifest(
        out, msgspec.structs.replace(manifest, word_error_rate=gates, agreement=(agreement,))
    )
    return ModelFolder.open(out)


def place_graphs(whole: Path, out: Path, info: ModelInfo) -> list[Path]:
    """Put the graph that the base install runs into the folder: in halves, where features keep."""
    if not info.local_features:
        return [Path(shutil.copy(whole, out / ONNX_FILE))]
    split(whole, out / FRONT_FILE, out / ENCODER_FILE, info.timing)
    return [out / FRONT_FILE, out / ENCODER_FILE]


def to_onnx(model: Wav2Vec2ForCTC, path: Path, info: ModelInfo) -> Agreement:
    """Write the float32 graph for any length and compare it with torch; folds weight norms."""
    fold_weight_norms(model)
    least = info.timing.receptive_field_samples
    longest = info.max_samples
    sounds = torch.zeros(1, (least + longest) // 2)
    write_graph(Whole(model), sounds, path, {1: ("samples", least, longest)})
    return _compare(model, path, info)


def gate(
    table: str, rows: Sequence[Recording], whole: OnnxAcousticModel, small: OnnxAcousticModel
) -> GateResult:
    """Error rates of both; ``ModelError`` when the smaller one loses over ``MOST_WER_LOSS``."""
    before, after = (_errors(model, rows) for model in (whole, small))
    if after.wer > before.wer + MOST_WER_LOSS:
        raise ModelError(
            f"The smaller graph hears worse on {table}: word error rate {after.wer:.4f}, "
            f"was {before.wer:.4f}",
            hint="Lower the calibration's tolerance_nats",
        )
    return GateResult(table, len(rows), before.wer, after.wer, before.cer, after.cer)


def not_worse(tables: Tables, gates: Sequence[GateResult], instead_of: OnnxAcousticModel) -> None:
    """``ModelError`` where the new graphs lose over ``MOST_WER_LOSS`` against another model's."""
    for gate_ in gates:
        before = _errors(instead_of, tables[gate_.table])
        if gate_.wer_shipped > before.wer + MOST_WER_LOSS:
            raise ModelError(
                f"It hears worse on {gate_.table} than {instead_of.info.label}: word error rate "
                f"{gate_.wer_shipped:.4f}, was {before.wer:.4f}",
                hint="Train on, or leave --instead-of out to keep both",
            )


def save_half(model: Wav2Vec2ForCTC, path: Path, calibration: Calibration) -> list[str]:
    """Safetensors with each large weight in half precision, unless that alone moves the output."""
    listen = _listener(model)
    reference = [listen(samples) for samples in calibration.recordings]
    kept = []
    weights = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    for name, weight in model.state_dict().items():
        if weight.numel() < SMALLEST:
            continue
        weight.copy_(weights[name].half())
        if calibration.sensitive(reference, listen):
            kept.append(name)
        else:
            weights[name] = weights[name].half()
        weight.copy_(weights[name])
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors leaves it to its owner alone
    return kept


def _listener(model: Wav2Vec2ForCTC) -> Callable[[Audio], LogProbs]:
    """Audio -> log-probabilities in torch."""

    def listen(samples: Audio) -> LogProbs:
        with torch.inference_mode():
            logits = model(torch.from_numpy(normalise(samples))[None]).logits
        return log_softmax(logits[0].numpy())

    return listen


def _max_samples(model: Wav2Vec2ForCTC, read: Checkpoint) -> int:
    return read.timing.samples(table_frames(model) or UNLIMITED_FRAMES)


def _compare(model: Wav2Vec2ForCTC, path: Path, info: ModelInfo) -> Agreement:
    """At the shortest and the longest input, one between, and one sample to each frame edge."""
    graph = Graph.load(path)
    timing, rng = info.timing, np.random.default_rng(0)
    edge, highest = timing.samples(2), 0.0
    for samples in (
        timing.receptive_field_samples,
        edge - 1,
        edge,
        info.max_samples // 3,
        info.max_samples,
    ):
        audio = rng.standard_normal((1, samples), dtype=np.float32)
        with torch.inference_mode():
            expected = model(torch.from_numpy(audio)).logits.numpy()
        share = float(np.abs(graph.run(audio) - expected).max() / np.ptp(expected))
        if share > ONNX_TOLERANCE:
            raise ModelError(
                f"ONNX strays from torch by {share:.2%} of the logits' span at {samples} samples"
            )
        highest = max(highest, share)
    return Agreement(
        "ONNX and torch", float(f"{highest:.2g}"), ONNX_TOLERANCE, "of the logits' span"
    )


def _errors(model: OnnxAcousticModel, rows: Sequence[Recording]) -> Errors:
    total = Errors()
    for row in rows:
        heard = greedy(model.log_probs(row.samples), model.info.vocabulary, model.info.timing)
        total += count_errors(row.transcript, heard.text)
    return total


def _manifest(read: Checkpoint, info: ModelInfo, labels: Labels, parameters: int) -> Manifest:
    """Without files and gates, which come last."""
    return Manifest(
        schema=SCHEMA,
        name=labels.name,
        version=labels.version,
        architecture=read.architecture,
        license=labels.license,
        language=labels.language,
        parameters=parameters,
        sample_rate_hz=SAMPLE_RATE_HZ,
        frame_stride_samples=info.timing.stride_samples,
        receptive_field_samples=info.timing.receptive_field_samples,
        max_samples=info.max_samples,
        precision="int8 matrix products, other weights stored in float16 or float32",
        onnx="" if info.local_features else ONNX_FILE,
        front=FRONT_FILE if info.local_features else "",
        encoder=ENCODER_FILE if info.local_features else "",
        files={},
        word_error_rate=[],
    )
