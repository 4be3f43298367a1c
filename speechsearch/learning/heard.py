"""What a person saw of a recording: the answers to its utterances, as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from speechsearch.asr.wer import normalise
from speechsearch.errors import TableError
from speechsearch.learning.table import Recording
from speechsearch.types import Entry, Hit
from speechsearch.wire import messages as m

NOT_FOUND = 0
"""The rank of what is not among the hits"""


@dataclass(frozen=True, slots=True)
class Heard:
    """The text of a recording and what was found."""

    text: str = ""
    """Of all answers that stayed, in order"""
    hits: tuple[Hit, ...] = ()
    """Of the last answer that found something: what is on the screen in the end"""
    timings_ms: tuple[Mapping[str, float], ...] = ()
    """Of each answer that stayed"""
    model: str = ""
    error: str = ""
    """Why there is no answer where there should be one"""


def as_shown(answers: Sequence[tuple[m.Final, Mapping[str, float]]]) -> Heard:
    """Answers in order, each with its timings; those that a later one ``continues`` are gone."""
    replaced = {final.continues for final, _ in answers}
    stay = [(final, ms) for final, ms in answers if final.utterance not in replaced]
    return Heard(
        text=" ".join(final.text for final, _ in stay if final.text),
        hits=next((final.hits for final, _ in reversed(stay) if final.hits), ()),
        timings_ms=tuple(ms for _, ms in stay),
        model=stay[-1][0].model if stay else "",
    )


class Expected:
    """Which entries of a catalogue a recording asks for."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_title: dict[str, set[str]] = {}
        for entry in entries:
            self._by_title.setdefault(normalise(entry.title), set()).add(entry.id)
        self._ids = frozenset[str]().union(*self._by_title.values())

    def of(self, recording: Recording) -> frozenset[str]:
        """Ids of the right entries: the row's item, or those titled as its transcript.

        Empty where there are none, so that nothing can be said about finding.
        """
        if recording.item:
            return frozenset({recording.item}) & self._ids
        return frozenset(self._by_title.get(normalise(recording.transcript), ()))

    def unknown_items(self, recordings: Iterable[Recording]) -> list[str]:
        """Items of the table that the catalogue has not; raises TableError where it has none."""
        items = [recording.item for recording in recordings if recording.item]
        unknown = [item for item in items if item not in self._ids]
        if items and len(unknown) == len(items):
            raise TableError(
                f"none of the table's items is in the catalogue, for example {items[0]!r}",
                hint="Name the index that belongs to the table: --index DIR",
            )
        return unknown


def rank_of(hits: Sequence[Hit], right: frozenset[str]) -> int | None:
    """Place of the first right hit, from 1; NOT_FOUND; None where no entry is known to be right."""
    if not right:
        return None
    return next((place for place, hit in enumerate(hits, 1) if hit.id in right), NOT_FOUND)
