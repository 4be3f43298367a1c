"""The results of a batch in one file that is never left half right: JSON lines, appended file by
file, each recording's objects followed by a line that says it is done.

    {"file": "a.wav", "utterance": 1, "text": ...}      as ``query --json`` prints them
    {"file": "a.wav", "done": true, "utterances": 1}    also where nothing was said: 0

A run that was ended anywhere leaves at most the last recording without its end; the next run cuts
that off and begins with it. Recordings are known by the path they were asked for by.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from speechsearch.errors import ConfigError

BEGINS = b'{"file": '


class Ledger:
    """An open file of results, held by this process alone; ``done`` are the recordings in it."""

    def __init__(self, file: BinaryIO, path: Path, asked: Collection[str]) -> None:
        self._file = file
        self.done, end = _read(file, path, asked)
        file.truncate(end)
        file.seek(end)

    def add(self, recording: str, objects: Sequence[dict[str, Any]]) -> None:
        """A recording is done: all of it goes to the disk at once."""
        end = {"file": recording, "done": True, "utterances": len(objects)}
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in (*objects, end)]
        self._file.write("".join(lines).encode(errors="surrogateescape"))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done.add(recording)


@contextmanager
def ledger(path: Path, asked: Collection[str]) -> Iterator[Ledger]:
    """The results at ``path``, made where there are none, of a run over the recordings ``asked``.

    Raises ConfigError where the file cannot be written, holds something else or is in use.
    """
    try:
        file = path.open("a+b")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another run writes to {path}", hint="Wait for it, or give another --out"
            ) from None
        yield Ledger(file, path, asked)


def _read(file: BinaryIO, path: Path, asked: Collection[str]) -> tuple[set[str], int]:
    """The recordings that are done, and where their lines end.

    What comes behind is cut off, so it must be of one recording that is now to be answered anew.
    """
    file.seek(0)
    done: set[str] = set()
    place = end = 0
    unfinished = ""
    for number, line in enumerate(file, 1):
        place += len(line)
        if not line.endswith(b"\n") and line.startswith(BEGINS[: len(line)]):
            break
        entry = _entry(line)
        name, ends = entry.get("file"), "done" in entry
        if (
            not isinstance(name, str)
            or unfinished not in ("", name)
            or not (ends or "text" in entry)
        ):
            raise _foreign(path, f"line {number} is none of its lines")
        unfinished = "" if ends else name
        if ends:
            done.add(name)
            end = place
    if unfinished and unfinished not in asked:
        raise _foreign(path, f"its last recording, {unfinished}, has no end and is not asked for")
    return done, end


def _foreign(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} does not look like a file of --out: {why}",
        hint="Give --out a new file, or one that it wrote",
    )


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line.decode(errors="surrogateescape"))
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
