"""The folder of a training: one process in it, and what came out, whole or not there."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from speechsearch.asr.checkpoint import CHECKPOINT_FILES
from speechsearch.errors import TrainingError

RESULT = "checkpoint"
"""Folder of what came out, in Hugging Face layout"""
LOCK_FILE = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No two trainings in one folder; the lock goes with the process, however it ends."""
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"another training is at work in {folder}", hint="Wait for it, or give --out DIR"
            ) from error
        yield


def write_checkpoint(folder: Path, start: Path, write: Callable[[Path], None]) -> Path:
    """The configuration of ``start`` beside what ``write`` puts down: new weights, a card."""
    target, aside = folder / RESULT, folder / f"{RESULT}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name in CHECKPOINT_FILES:
        if (start / name).exists():
            shutil.copyfile(start / name, aside / name)
    write(aside)
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    return target
