"""A file in parts small enough to be carried, and whole again: every part by its sha256.

Nothing but Python's own library: it also runs where nothing is installed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, BinaryIO

AT_ONCE = 1 << 20


class PartsError(ValueError):
    """A part is missing, or not what it was."""


def split(source: Path, into: Path, most_bytes: int) -> Path:
    """Write NAME.00, NAME.01, … of at most so many bytes, and NAME.json, which is returned.

    Parts of a former file of that name are removed.
    """
    if most_bytes < 1:
        raise PartsError("a part must hold at least a byte")
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob(f"{source.name}.[0-9][0-9]"):
        old.unlink()
    parts: list[dict[str, Any]] = []
    with source.open("rb") as file:
        while left := source.stat().st_size - file.tell():
            if len(parts) == 100:
                raise PartsError(f"{source.name} would be more than 100 parts: let them be larger")
            path = into / f"{source.name}.{len(parts):02d}"
            with path.open("wb") as part:
                _copy(file, part, min(left, most_bytes))
            parts.append(_told(path))
    manifest = into / f"{source.name}.json"
    manifest.write_text(json.dumps({**_told(source), "parts": parts}, indent=1) + "\n")
    return manifest


def join(manifest: Path, into: Path) -> Path:
    """The whole file, in the folder ``into``; PartsError where a part is not what was split."""
    try:
        told = json.loads(manifest.read_text())
        name, parts = Path(told["file"]).name, told["parts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PartsError(f"{manifest} does not say what belongs together: {error}") from error
    for part in parts:
        _check(manifest.parent / Path(part["file"]).name, part)
    into.mkdir(parents=True, exist_ok=True)
    aside, target = into / f"{name}.part", into / name
    with aside.open("wb") as file:
        for part in parts:
            with (manifest.parent / Path(part["file"]).name).open("rb") as source:
                shutil.copyfileobj(source, file, AT_ONCE)
    _check(aside, told)
    aside.replace(target)
    return target


def _told(path: Path) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)}


def _check(path: Path, told: dict[str, Any]) -> None:
    if not path.is_file():
        raise PartsError(f"{path} is missing: carry it again")
    if path.stat().st_size != told["bytes"] or _sha256(path) != told["sha256"]:
        raise PartsError(f"{path} is not what was sent: carry it again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size and (block := source.read(min(size, AT_ONCE))):
        target.write(block)
        size -= len(block)
