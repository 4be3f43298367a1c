"""What is made of an index, made again when another version becomes current; queries never wait.

live = Live(path, lambda index: Ranker(index, vocabulary))
live.current().rank(text, log_probs)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from speechsearch.errors import SearchIndexError
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.search.versions import version_in_use

Made = TypeVar("Made")
PATIENCE_S = 0.1
"""A query waits so long for a new version: enough for an update, not for a whole new index"""


class Live(Generic[Made]):
    """Follows the index at ``path``; any thread may ask.

    ``make`` turns an open index into what answers queries; it runs in a thread of its own, so warm
    up there. A query holds on to what ``current`` gave it: the old one lives until the last is
    done.
    """

    def __init__(
        self, path: Path, make: Callable[[EmbeddedIndex], Made], patience_s: float = PATIENCE_S
    ) -> None:
        """Opens the current version at once; raises SearchIndexError."""
        self._path = path
        self._make = make
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._loading: threading.Thread | None = None
        self._refused: Path | None = None
        self.last_error: SearchIndexError | None = None
        """Why the newest version is not in use; None where it is"""
        self._index = EmbeddedIndex.open(path)
        self._made = make(self._index)

    def current(self) -> Made:
        """The newest that is ready; one look at a symlink where nothing has changed.

        Where a version is new, waits ``patience_s`` for it, and answers from the old one after
        that. A version that cannot be opened is passed over, see ``last_error``.
        """
        if self._is_old():
            loading = self._start()
            if loading is not None:
                loading.join(self._patience_s)
        return self._made

    def refresh(self) -> Made:
        """The same, but waits as long as it takes; raises SearchIndexError where it fails."""
        while self._is_old():
            loading = self._start()
            if loading is not None:
                loading.join()
        if self.last_error is not None:
            raise self.last_error
        return self._made

    def _is_old(self) -> bool:
        try:
            newest = version_in_use(self._path)
        except SearchIndexError:  # somebody moved the whole index away: what is open stays
            return False
        return newest not in (self._index.folder, self._refused)

    def _start(self) -> threading.Thread | None:
        with self._lock:
            if self._loading is None and self._is_old():
                self._loading = threading.Thread(target=self._load, name="index", daemon=True)
                self._loading.start()
            return self._loading

    def _load(self) -> None:
        newest = version_in_use(self._path)
        try:
            index = EmbeddedIndex.open(self._path, self._index.seen)
            made = self._make(index)
        except SearchIndexError as error:
            self._refused, self.last_error = newest, error
        else:
            self._index, self._made = index, made
            self._refused, self.last_error = None, None
        finally:
            with self._lock:
                self._loading = None
