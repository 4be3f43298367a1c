"""The folder in which a server keeps its rollouts; one server at a time.

DIR/v-0123456789ab/   versions and stages.json: see ``rollout/registry.py``
DIR/state.sqlite      where the rollout stands: see ``rollout/store.py``
DIR/key               of the router; made once, for its owner alone
DIR/.server           locked while a server uses the folder; not empty where one did not end
                      by itself
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from speechsearch.config import PRIVATE_SERVER_ENV, RolloutOptions, Settings
from speechsearch.durable import replace_file
from speechsearch.errors import ConfigError, StateError
from speechsearch.rollout import controller
from speechsearch.rollout.registry import Registry
from speechsearch.rollout.store import Store

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, eq=False)
class RolloutFiles:
    """What is in the folder, held by this process until ``close``."""

    store: Store
    registry: Registry
    key: bytes
    lock: IO[str]

    def close(self) -> None:
        """End well."""
        self.store.close()
        self.lock.truncate(0)
        self.lock.close()


def admin_token(options: RolloutOptions) -> str:
    """Who says it may change what answers; empty where there are no rollouts.

    Raises ConfigError where the file that should hold it cannot be read or is empty.
    """
    if options.token or not options.token_file:
        return options.token
    try:
        token = Path(options.token_file).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"rollout.token_file cannot be read: {error}",
            hint="Put the administrator's token there",
        ) from error
    if not token:
        raise ConfigError(
            f"{options.token_file} is empty", hint="Put the administrator's token there"
        )
    return token


def open_rollout_files(settings: Settings) -> RolloutFiles | None:
    """The folder, taken; None where the settings want no rollouts, or for a client's own server.

    Where the last server that had it was killed, that counts as a crash. Raises ConfigError, and
    StateError where another server uses the folder.
    """
    if not admin_token(settings.rollout) or os.environ.get(PRIVATE_SERVER_ENV):
        return None
    if admin_token(settings.rollout) == settings.server.token:
        raise ConfigError(
            "rollout.token is the same as server.token: every client would be an administrator",
            hint="Choose another one",
        )
    named = settings.rollout.folder
    folder = Path(named).expanduser() if named else settings.user_models_dir / "versions"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".server").open("a+")
    except OSError as error:
        raise StateError(f"{folder} cannot be used: {error}", hint="See rollout.folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise StateError(
            f"another server has its rollouts in {folder}",
            hint="Give this one a folder of its own: rollout.folder",
        ) from None
    lock.seek(0)
    died = bool(lock.read())
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    store = Store(folder / "state.sqlite")
    if died:
        decision = store.apply(lambda state: controller.crashed(state, time.time()))
        if decision.incident:
            logging.error("incident: %s", msgspec.json.encode(decision.incident).decode())
    return RolloutFiles(store, Registry(folder), _key(folder), lock)


def _key(folder: Path) -> bytes:
    path = folder / "key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        replace_file(path, secrets.token_bytes(KEY_BYTES), mode=0o600)
        return path.read_bytes()
