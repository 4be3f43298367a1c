"""What the server's parts hand to the observer, and what the observer asks them."""

from __future__ import annotations

import time
from collections.abc import Callable, Set

from speechsearch.clock import monotonic_s
from speechsearch.monitoring.observation import HeardPart, Passed
from speechsearch.monitoring.seen import CHAMPION, Heard, Reheard, Turn
from speechsearch.pipeline import Answered, Finder
from speechsearch.search.index import Index
from speechsearch.search.spelling import spellings
from speechsearch.server.rehearing import Rehearing
from speechsearch.server.sessions import Held
from speechsearch.types import samples_to_ms
from speechsearch.wire.events import UtteranceEnded
from speechsearch.wire.server_session import PRE_ROLL_SAMPLES

MOST_ENTRIES_READ = 50_000
"""Of a larger catalogue no words are known: nothing is said of words outside it"""


def turn_of(held: Held, ended: UtteranceEnded) -> Turn:
    """On the monotonic clock; called in the instant of the endpoint."""
    return Turn(
        began_s=held.conversation.began_s,
        ended_s=monotonic_s(),
        silence_ms=samples_to_ms(max(0, ended.utterance.end_sample - ended.end_sample)),
        pauses=held.pauses,
        arm=held.seat.arm.value if held.seat else CHAMPION,
    )


def dated(turn: Turn) -> Turn:
    """From the monotonic clock to seconds since 1970."""
    return turn.later(_epoch_s())


def reheard(session: str, utterance: int, rehearing: Rehearing) -> Reheard:
    """What came of hearing it again."""
    return Reheard(session, utterance, rehearing.outcome, rehearing.lap.later(_epoch_s()))


def heard(
    held: Held, ended: UtteranceEnded, answered: Answered, wait_ms: float, turn: Turn
) -> Heard:
    """An utterance and its answer, as the observer wants them."""
    sound, result = answered.utterance, answered.result
    onset = sound.start_sample + PRE_ROLL_SAMPLES
    sure = answered.heard
    parts = (HeardPart(result, sure.log_probs, sure.samples),) if sure else ()
    return Heard(
        session=held.session.id,
        utterance=result.utterance,
        passed=Passed(sound.samples, max(0, ended.end_sample - onset), parts),
        result=result,
        wait_ms=wait_ms,
        pauses=turn.pauses,
        vad=held.listening.stream.detector if held.listening else "",
        turn=dated(turn),
        laps=tuple(lap.later(_epoch_s()) for lap in answered.laps),
        info=answered.heard.pipeline.model.info if answered.heard else None,
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


def _epoch_s() -> float:
    """Seconds since 1970 at 0 of the monotonic clock."""
    return time.time() - monotonic_s()
