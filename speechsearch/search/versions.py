"""A folder of versions, one of them current: written aside, swapped in by one rename.

    DIR/current -> v-0123abcd           a symlink, replaced atomically
    DIR/v-0123abcd/manifest.json        schema and sha256 of every file of the version
                   ...                  a file that did not change is a hard link to the last one's
    DIR/.lock                           held while a version is written

A writer that dies, at whatever moment, leaves the current version whole and its lock released; what
it had begun is swept by the next. A reader keeps the version it opened: the one before the current
is only removed by the write after.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from speechsearch.durable import sync, sync_tree
from speechsearch.errors import SearchIndexError

CURRENT = "current"
LOCK = ".lock"
MANIFEST = "manifest.json"
_OURS = re.compile(r"v-[0-9a-f]{8}(\.link)?")


Seen = frozenset[tuple[int, int, int, int, str]]
"""Files that were whole when they were read: device, inode, bytes, time of change, sha256"""


class Manifest(msgspec.Struct, frozen=True):
    """What a version says of itself."""

    schema: int
    sha256: dict[str, str]
    """Of each file, by its path inside the version"""


@contextmanager
def new_version(out: Path, schema: int) -> Iterator[Path]:
    """An empty folder to fill; leaving the block makes it the current version of ``out``.

    An exception inside leaves the current version as it was. Other writers wait their turn. Raises
    SearchIndexError where ``out`` holds something else, OSError where it cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    foreign = [p.name for p in out.iterdir() if not _is_ours(p)]
    if foreign:
        raise SearchIndexError(
            f"{out} holds something that is no index: {min(foreign)}",
            hint="Choose an empty or new folder",
        )
    with (out / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version = out / f"v-{secrets.token_hex(4)}"
        version.mkdir()
        try:
            yield version
            _seal(version, schema)
        except BaseException:
            shutil.rmtree(version, ignore_errors=True)
            raise
        _make_current(version, out)


def current_version(out: Path, schema: int, seen: Seen = frozenset()) -> tuple[Path, Seen]:
    """The folder of the current version, every file of it as it was written, and what was seen.

    Files in ``seen`` are not read again: an update of a large index is opened in milliseconds.
    Raises SearchIndexError where it is missing, damaged or of another schema.
    """
    while True:
        version = version_in_use(out)
        try:
            manifest = msgspec.json.decode((version / MANIFEST).read_bytes(), type=Manifest)
            marks = {name: _mark(version / name, sum_) for name, sum_ in manifest.sha256.items()}
            whole = all(
                mark in seen or _sha256(version / name) == manifest.sha256[name]
                for name, mark in marks.items()
            )
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            if version_in_use(out) != version:  # two writes have passed meanwhile
                continue
            raise SearchIndexError(
                f"the index at {out} is damaged: {error}", hint=_advice(out)
            ) from error
        if not whole:
            raise SearchIndexError(f"the index at {out} is damaged", hint=_advice(out))
        if manifest.schema != schema:
            raise SearchIndexError(
                f"the index at {out} was written by another release", hint=_advice(out)
            )
        return version, frozenset(marks.values())


def link_files(source: Path, target: Path) -> None:
    """Give the new folder ``target`` the files of ``source`` without copying them."""
    target.mkdir()
    for path in source.iterdir():
        os.link(path, target / path.name)


def version_in_use(out: Path) -> Path:
    """The folder of the current version, unchecked; cheap enough for every query.

    Raises SearchIndexError where there is none.
    """
    try:
        return out / (out / CURRENT).readlink()
    except OSError as error:
        raise SearchIndexError(f"there is no index at {out}", hint=_advice(out)) from error


def _advice(out: Path) -> str:
    return f"Build it: speechsearch index FILE --out {out}"


def _is_ours(path: Path) -> bool:
    return path.name in {CURRENT, LOCK} or _OURS.fullmatch(path.name) is not None


def _seal(version: Path, schema: int) -> None:
    """Bring everything to the disk, and say what it is."""
    files = sorted(path for path in version.rglob("*") if path.is_file())
    names = [str(path.relative_to(version)) for path in files]
    known = _known_sums(version.parent)
    sums = {
        name: known.get(path.stat().st_ino) or _sha256(path)
        for name, path in zip(names, files, strict=True)
    }
    (version / MANIFEST).write_bytes(msgspec.json.encode(Manifest(schema, sums)))
    sync_tree(version)


def _known_sums(out: Path) -> dict[int, str]:
    """Of the current version's files, by inode: what is linked need not be read again."""
    if not (out / CURRENT).is_symlink():
        return {}
    before = version_in_use(out)
    try:
        sums = msgspec.json.decode((before / MANIFEST).read_bytes(), type=Manifest).sha256
        return {(before / name).stat().st_ino: written for name, written in sums.items()}
    except (OSError, msgspec.MsgspecError):
        return {}


def _make_current(version: Path, out: Path) -> None:
    """One rename; then sweep what neither the current nor the last reader needs."""
    before = out / (out / CURRENT).readlink() if (out / CURRENT).is_symlink() else version
    link = out / f"{version.name}.link"
    link.symlink_to(version.name)
    sync(out)
    link.replace(out / CURRENT)
    sync(out)
    for old in out.iterdir():
        if _OURS.fullmatch(old.name) and old not in (version, before):
            if old.is_symlink():
                old.unlink(missing_ok=True)
            else:
                shutil.rmtree(old, ignore_errors=True)


def _mark(path: Path, written: str) -> tuple[int, int, int, int, str]:
    s = path.stat()
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, written


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
