"""Outcomes of the pipeline by the content of all that they hang on, kept in one SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

import msgspec

from speechsearch.errors import ConfigError
from speechsearch.monitoring.observation import Observation

PACKAGE = Path(__file__).resolve().parents[1]
HANGS_ON = (
    "asr", "audio", "search", "vad", "monitoring/observation.py", "monitoring/sound.py",
    "replay/changes.py", "replay/hearing.py", "learning/conditions.py", "numerals.py",
    "pipeline.py", "turns.py", "types.py",
)  # fmt: skip
"""Folders and files of the package whose code decides what comes of a recording"""
MOST = 100_000
"""Outcomes that are kept, the newest: about 200 MB"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one recording."""

    observation: Observation
    first_title: str = ""
    """Of the first hit; empty without one. Observations do not hold it: it is what was said"""


class OutcomeCache:
    """Outcomes by key; a context manager that keeps what was added."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file; raises ConfigError where that cannot be."""
        self._known: dict[str, Outcome] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS outcomes (key TEXT PRIMARY KEY, value BLOB)"
            )
            self._db.execute(
                "DELETE FROM outcomes WHERE rowid <= (SELECT max(rowid) - ? FROM outcomes)",
                (MOST,),
            )
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"the cache {path} cannot be used: {error}", hint="Remove it: it is made again"
            ) from error

    def __enter__(self) -> OutcomeCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def get(self, key: str, make: Callable[[], Outcome]) -> Outcome:
        """What is kept under the key, or else what ``make`` gives, kept from now on."""
        if key not in self._known:
            self._known[key] = self._read(key) or self._keep(key, make())
        return self._known[key]

    def _read(self, key: str) -> Outcome | None:
        row = self._db.execute("SELECT value FROM outcomes WHERE key = ?", (key,)).fetchone()
        return msgspec.msgpack.decode(row[0], type=Outcome) if row else None

    def _keep(self, key: str, made: Outcome) -> Outcome:
        value = msgspec.msgpack.encode(made)
        self._db.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", (key, value))
        return made


def digest(*parts: object) -> str:
    """Hexadecimal sha256 of the parts' representations."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def code_digest() -> str:
    """Of the code that hears: other code may hear the same recording otherwise."""
    sources = hashlib.sha256()
    for name in HANGS_ON:
        place = PACKAGE / name
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            sources.update(file.relative_to(PACKAGE).as_posix().encode() + file.read_bytes())
    return sources.hexdigest()
