"""Files that outlast a kill and a loss of power: written aside, brought to the disk, renamed.

.NAME.part    being written; what a writer that died has left is taken over by the next
NAME          the last that was whole
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write to a file that takes the place of ``path`` when the block ends without an error.

    Until then ``path`` stays what it was. Who writes the same file meanwhile, in whatever process,
    waits. ``mode`` is that of a new file, less the umask. Raises OSError.
    """
    aside = path.with_name(f".{path.name}.part")
    with _open_alone(aside, mode) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync(path.parent)


def replace_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Make ``content`` the whole of ``path``, or leave it as it was; see ``replacing``."""
    with replacing(path, mode) as file:
        file.write(content)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Bring a folder and everything in it to the disk."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _open_alone(path: Path, mode: int) -> BinaryIO:
    """An empty file that nobody else writes; the one before may have renamed it meanwhile."""
    while True:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, mode), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is(file, path):
                file.truncate()
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _is(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
