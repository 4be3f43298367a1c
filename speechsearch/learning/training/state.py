"""Where a training is, on disk: all that going on needs, written so that no kill can hurt it.

A state is complete or not there: it is written aside, flushed to the disk and renamed. Two are
kept, so that even a disk that tore the newest loses minutes only. They hold tensors, numbers and
text, and nothing else is ever loaded from them ([torch] extra).
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from speechsearch.durable import replacing
from speechsearch.errors import TrainingError
from speechsearch.learning.training.batches import Place

SCHEMA = 1
KEPT = 2
_NAME = re.compile(r"state-(\d{9})\.pt")


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """All of a training between two steps.

    Random numbers are no part of it: those of a step depend on the recipe's seed and the step.
    """

    step: int
    """Steps done"""
    place: Place
    """The next batch"""
    fingerprint: str
    """Of the recipe"""
    worked_s: float
    heard_s: float
    """Seconds of sound learned from"""
    model: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor]
    optimiser: dict[str, Any]


def save(folder: Path, state: State) -> Path:
    """Write the state and remove what is older than the one before."""
    target = folder / f"state-{state.step:09d}.pt"
    with replacing(target) as file:
        torch.save({"schema": SCHEMA, **_plain(state)}, file)
    for old in states(folder)[KEPT:]:
        old.unlink()
    return target


def newest(folder: Path) -> State | None:
    """The newest state that is whole; None where there is none.

    Raises TrainingError where there are some and none can be read.
    """
    found = states(folder)
    for path in found:
        state = _read(path)
        if state:
            return state
    if found:
        raise TrainingError(
            f"no state in {folder} can be read", hint="Begin anew in another folder: --out DIR"
        )
    return None


def states(folder: Path) -> list[Path]:
    """The files, newest first."""
    named = [path for path in folder.glob("state-*.pt") if _NAME.fullmatch(path.name)]
    return sorted(named, key=lambda path: path.name, reverse=True)


def _plain(state: State) -> dict[str, Any]:
    fields = {name: getattr(state, name) for name in State.__slots__}
    return {**fields, "place": asdict(state.place)}


def _read(path: Path) -> State | None:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        return None
    if stored.pop("schema", None) != SCHEMA:
        raise TrainingError(
            f"{path} was written by another version of speechsearch",
            hint="Begin anew in another folder: --out DIR",
        )
    return State(**{**stored, "place": Place(**stored["place"])})
