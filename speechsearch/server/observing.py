"""What the server's parts hand to the observer, and what the observer asks them."""

from __future__ import annotations

from collections.abc import Callable, Set

from speechsearch.monitoring.observation import HeardPart, Passed
from speechsearch.monitoring.seen import Heard
from speechsearch.pipeline import Answered, Finder
from speechsearch.search.index import Index
from speechsearch.search.spelling import spellings
from speechsearch.server.sessions import Held
from speechsearch.wire.events import UtteranceEnded
from speechsearch.wire.server_session import PRE_ROLL_SAMPLES

MOST_ENTRIES_READ = 50_000
"""Of a larger catalogue no words are known: nothing is said of words outside it"""


def heard(
    held: Held, ended: UtteranceEnded, answered: Answered, wait_ms: float, pauses: int
) -> Heard:
    """An utterance and its answer, as the observer wants them."""
    sound, result = answered.utterance, answered.result
    onset = sound.start_sample + PRE_ROLL_SAMPLES
    parts = () if answered.log_probs is None else (HeardPart(result, answered.log_probs),)
    return Heard(
        session=held.session.id,
        utterance=result.utterance,
        passed=Passed(sound.samples, max(0, ended.end_sample - onset), parts),
        result=result,
        wait_ms=wait_ms,
        pauses=pauses,
        vad=held.listening.stream.detector if held.listening else "",
    )


class Catalogue:
    """Version and words of the index in force; read again when it has changed."""

    def __init__(self, finder: Callable[[], Finder]) -> None:
        self._finder = finder
        self._index: Index | None = None
        self._known: tuple[str, Set[str]] = ("", frozenset())

    def __call__(self) -> tuple[str, Set[str]]:
        """``(version, words)``."""
        index = self._finder().ranker.index
        if index is not self._index:
            self._index, self._known = index, (_version(index), _words(index))
        return self._known


def _version(index: Index) -> str:
    folder = getattr(index, "folder", None)
    return f"{folder.parent.name}/{folder.name}" if folder else f"{len(index)} entries"


def _words(index: Index) -> Set[str]:
    if len(index) > MOST_ENTRIES_READ:
        return frozenset()
    return {
        word
        for entry in index.entries
        for title in spellings(entry.title, entry.aliases)
        for word in title.split()
    }
