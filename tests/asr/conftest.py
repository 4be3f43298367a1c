"""A checkpoint unlike the shipped one in every number, and the shipped folder."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from speechsearch.asr.folder import MANIFEST_FILE, FileEntry, Manifest, ModelFolder, file_entry
from speechsearch.asr.onnx import OnnxAcousticModel

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models" / "w2v2-starter"
LETTERS = {"_": 0, "a": 1, "b": 2, "<pad>": 3, "<unk>": 4}


@pytest.fixture(scope="session")
def shipped() -> ModelFolder:
    return ModelFolder.open(SHIPPED)


@pytest.fixture(scope="session")
def model(shipped: ModelFolder) -> OnnxAcousticModel:
    return OnnxAcousticModel.load(shipped, threads=1)


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "little"
    folder.mkdir()
    config = {
        "architectures": ["Wav2Vec2ForCTC"],
        "conv_kernel": [10, 3, 2],
        "conv_stride": [5, 2, 2],
        "vocab_size": 6,
        "pad_token_id": 3,
    }
    write_json(folder / "config.json", config)
    write_json(folder / "vocab.json", LETTERS)
    tokenizer = {"pad_token": "<pad>", "unk_token": "<unk>", "word_delimiter_token": "_"}
    write_json(folder / "tokenizer_config.json", tokenizer)
    write_json(folder / "preprocessor_config.json", {"sampling_rate": 16000, "do_normalize": False})
    return folder


@pytest.fixture
def folder(checkpoint: Path) -> Path:
    (checkpoint / "graph.onnx").write_bytes(b"not really a graph")
    write_manifest(checkpoint)
    return checkpoint


def write_manifest(path: Path, **changes: object) -> None:
    files: dict[str, FileEntry] = {
        p.name: file_entry(p) for p in path.iterdir() if p.name != MANIFEST_FILE
    }
    manifest = Manifest(
        schema=1,
        name="little",
        version="7",
        architecture="Wav2Vec2ForCTC",
        license="MIT",
        language="en",
        parameters=12,
        sample_rate_hz=16000,
        frame_stride_samples=20,
        receptive_field_samples=30,
        max_samples=1000,
        precision="float32",
        onnx="graph.onnx",
        files=files,
        word_error_rate=[],
    )
    changed = msgspec.structs.replace(manifest, **changes)
    (path / MANIFEST_FILE).write_bytes(msgspec.json.encode(changed))
