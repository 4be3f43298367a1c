"""The history on disk: one SQLite file that survives a restart, downsampled and bounded.

A thin shell around ``timeline``: it holds rows and decides nothing. One server writes; the file is
locked by it, so that a second server on the same folder says so instead of mixing both.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from speechsearch.errors import ConfigError, FolderInUse
from speechsearch.monitoring.summary import Summary
from speechsearch.monitoring.timeline import HOUR_S, TIERS, Point, floor_s, rolled, tier_for

SCHEMA = """
CREATE TABLE IF NOT EXISTS points (
    step_s INTEGER NOT NULL, series TEXT NOT NULL, at_s INTEGER NOT NULL, summary TEXT NOT NULL,
    PRIMARY KEY (step_s, series, at_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (
    kind TEXT NOT NULL, id TEXT NOT NULL, at_s REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS notes_by_time ON notes (kind, at_s);
"""
VERSION = 1
MOST_NOTES = 1000
"""Of each kind; the oldest go first"""
MOST_ROWS = 400_000
"""Points of all tiers: many times what the tiers keep of the known series"""


class History:
    """Points and notes (alarms, utterances, silences); ``folder`` None keeps them in memory.

    With ``writes`` off it is what a server left in a folder, or writes there at this moment.
    """

    def __init__(self, folder: Path | None, *, writes: bool = True) -> None:
        """Raises ConfigError, FolderInUse."""
        self._lock = _locked(folder) if folder and writes else None
        try:
            path = folder / "history.sqlite" if folder else None
            self._base = _open(str(path or ":memory:")) if writes or not path else _read(path)
        except ConfigError:
            self._unlock()
            raise
        self._rolled_s = 0

    def write(self, points: Iterable[Point]) -> None:
        """Put minutes in the place of what was known of them."""
        with self._base:
            self._put(TIERS[0].step_s, points)

    def read(self, since_s: float, now_s: float, series: str | None = None) -> list[Point]:
        """What is known from an instant on, as coarse as that span asks for."""
        tier, step_s = tier_for(since_s, now_s)
        points = self._points(tier.step_s, since_s, now_s, series)
        if tier.step_s == HOUR_S:  # the hour that goes on is not rolled up yet
            points += self._points(TIERS[0].step_s, floor_s(now_s, HOUR_S), now_s, series)
        return rolled(points, step_s)

    def minutes(self, since_s: float, now_s: float) -> list[Point]:
        """The finest that is known from an instant on."""
        return self._points(TIERS[0].step_s, since_s, now_s, None)

    def hours(self, since_s: float, until_s: float) -> list[Point]:
        """The coarsest that is known of a time."""
        return self._points(HOUR_S, since_s, until_s, None)

    def tidy(self, now_s: float) -> None:
        """Roll whole hours up, forget what is too old or too much; mostly nothing is to do."""
        hour_s = floor_s(now_s, HOUR_S)
        if hour_s == self._rolled_s:
            return
        since_s = self._rolled_s or hour_s - TIERS[0].kept_s
        minutes = self._points(TIERS[0].step_s, since_s, hour_s - 1, None)
        with self._base:
            self._put(HOUR_S, rolled(minutes, HOUR_S))
            for tier in TIERS:
                self._base.execute(
                    "DELETE FROM points WHERE step_s = ? AND at_s < ?",
                    (tier.step_s, now_s - tier.kept_s),
                )
            (count,) = self._base.execute("SELECT count(*) FROM points").fetchone()
            if count > MOST_ROWS:
                self._base.execute(
                    "DELETE FROM points WHERE (step_s, series, at_s) IN (SELECT step_s, series, "
                    "at_s FROM points ORDER BY at_s LIMIT ?)",
                    (count - MOST_ROWS,),
                )
        self._rolled_s = hour_s

    def note(self, kind: str, notes: Iterable[tuple[str, float, dict[str, Any]]]) -> None:
        """Keep, or replace, objects: id, instant, body."""
        with self._base:
            self._base.executemany(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)",
                [(kind, identity, at_s, json.dumps(body)) for identity, at_s, body in notes],
            )
            self._base.execute(
                "DELETE FROM notes WHERE kind = ? AND id NOT IN "
                "(SELECT id FROM notes WHERE kind = ? ORDER BY at_s DESC LIMIT ?)",
                (kind, kind, MOST_NOTES),
            )

    def notes(self, kind: str, limit: int = MOST_NOTES) -> list[dict[str, Any]]:
        """The newest first."""
        rows = self._base.execute(
            "SELECT body FROM notes WHERE kind = ? ORDER BY at_s DESC LIMIT ?", (kind, limit)
        )
        return [json.loads(body) for (body,) in rows]

    def close(self) -> None:
        """Let the file go."""
        self._base.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            self._lock.close()

    def _put(self, step_s: int, points: Iterable[Point]) -> None:
        self._base.executemany(
            "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)",
            [(step_s, one.series, one.at_s, one.summary.encode()) for one in points],
        )

    def _points(
        self, step_s: int, since_s: float, until_s: float, series: str | None
    ) -> list[Point]:
        given: list[int | float | str]
        where, given = "", [step_s, floor_s(since_s, step_s), until_s]
        if series is not None:
            where, given = " AND series = ?", [*given, series]
        rows = self._base.execute(
            f"SELECT series, at_s, summary FROM points WHERE step_s = ? AND at_s >= ? "  # noqa: S608
            f"AND at_s <= ?{where} ORDER BY at_s",
            given,
        )
        return [Point(name, at_s, Summary.decode(body)) for name, at_s, body in rows]


def _locked(folder: Path) -> IO[str]:
    """The folder's lock, ours until it is closed; raises FolderInUse."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FolderInUse(
            f"another server writes its history to {folder}",
            hint="Give this one its own: SPEECHSEARCH_MONITORING__FOLDER",
        ) from None
    return lock


def _open(where: str) -> sqlite3.Connection:
    """The file, made where it is not there; raises ConfigError where it is something else."""
    base = sqlite3.connect(where, check_same_thread=False)
    try:
        _check_version(base, where)
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.executescript(SCHEMA)
        base.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.DatabaseError as error:
        base.close()
        raise ConfigError(
            f"the history {where} cannot be used: {error}",
            hint="Move it away: a new one is begun",
        ) from error
    except ConfigError:
        base.close()
        raise
    return base


def _read(path: Path) -> sqlite3.Connection:
    """The file, as it is; raises ConfigError where there is none."""
    if not path.is_file():
        raise ConfigError(
            f"{path.parent} holds no history",
            hint="speechsearch serve keeps one; --folder names another place",
        )
    base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        _check_version(base, str(path))
        base.execute("SELECT 1 FROM points LIMIT 1")
    except sqlite3.DatabaseError as error:
        base.close()
        raise ConfigError(f"the history {path} cannot be used: {error}") from error
    except ConfigError:
        base.close()
        raise
    return base


def _check_version(base: sqlite3.Connection, where: str) -> None:
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise ConfigError(f"{where} is of another version", hint="Move it away")
