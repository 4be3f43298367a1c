"""Checkpoints of every family with random weights, taken in once for all tests that want them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from speechsearch.asr.folder import ModelFolder

sys.path.append(str(Path(__file__).resolve().parent.parent / "scripts" / "bench"))


@dataclass(frozen=True)
class Family:
    source: Path
    """The checkpoint as it lies on the hub"""
    folder: ModelFolder
    """What became of it, in float32"""


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """Name -> the family's checkpoint and its model folder."""
    for extra in ("torch", "transformers", "safetensors", "onnx", "onnxscript"):
        pytest.importorskip(extra, reason="needs the [torch] extra")
    from random_checkpoints import write_checkpoint

    from speechsearch.asr.agreement import Precision
    from speechsearch.hub.adopt import Origin, adopt

    root, made = tmp_path_factory.mktemp("families"), {}

    def of(name):
        if name not in made:
            source = write_checkpoint(root / "hub" / name, name)
            target = root / "models" / name
            made[name] = Family(source, adopt(source, target, Origin(name), Precision.FLOAT32))
        return made[name]

    return of
