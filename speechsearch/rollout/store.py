"""Where the state of a rollout is kept: SQLite, so that a controller may be killed at any moment.

One decision is one transaction: the state, its line of history and its incident are there together
or not at all. The write-ahead log lets others read (``status``) while the controller writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from speechsearch.errors import StateError
from speechsearch.rollout.state import Decision, Incident, State, Transition

SCHEMA = 1
BUSY_MS = 5000
"""How long to wait for another writer"""
_TABLES = """
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS incident (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
Record = TypeVar("Record", Transition, Incident)


class Store:
    """The state of one server's rollouts; several processes may open the same file."""

    def __init__(self, path: Path) -> None:
        """Open or make it; raises StateError where it is no such file or of another release."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA):
                raise self._damaged(f"schema {version}, this release reads {SCHEMA}")
            self._db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version={SCHEMA};COMMIT;")
        except (sqlite3.Error, OSError) as error:
            raise self._damaged(str(error)) from error

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def load(self) -> State:
        """The state as the last decision left it; the empty one where there was none."""
        row = self._db.execute("SELECT body FROM state").fetchone()
        try:
            return msgspec.json.decode(row[0], type=State) if row else State()
        except msgspec.DecodeError as error:
            raise self._damaged(str(error)) from error

    def save(self, decision: Decision) -> None:
        """Keep a decision made by the only writer there is."""
        self.apply(lambda _: decision)

    def apply(self, decide: Callable[[State], Decision]) -> Decision:
        """Decide on the state as it is kept now, and keep what comes of it, in one transaction.

        What ``decide`` raises leaves everything as it was.
        """
        with closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                decision = decide(self.load())
                body = msgspec.json.encode(decision.state)
                cursor.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (body,))
                if decision.transition:
                    self._add(cursor, "history", decision.transition)
                if decision.incident:
                    self._add(cursor, "incident", decision.incident)
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
        return decision

    def history(self) -> list[Transition]:
        """Every transition, oldest first."""
        return self._all("history", Transition)

    def incidents(self) -> list[Incident]:
        """Everything that was thrown out, oldest first."""
        return self._all("incident", Incident)

    @staticmethod
    def _add(cursor: sqlite3.Cursor, table: str, record: Transition | Incident) -> None:
        body = msgspec.json.encode(record)
        cursor.execute(f"INSERT INTO {table} (body) VALUES (?)", (body,))  # noqa: S608 - our own

    def _all(self, table: str, kind: type[Record]) -> list[Record]:
        rows = self._db.execute(f"SELECT body FROM {table} ORDER BY id")  # noqa: S608 - our own
        try:
            return [msgspec.json.decode(body, type=kind) for (body,) in rows]
        except msgspec.DecodeError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> StateError:
        return StateError(
            f"{self.path} cannot be read: {why}", hint="Move it away; the registry knows the rest"
        )
