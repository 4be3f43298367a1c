"""Recordings that a version has to get right before anybody meets it.

They are heard like recordings that were sent in whole: who speaks goes first.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speechsearch.asr.wer import Errors, count_errors
from speechsearch.audio.player import read_audio
from speechsearch.errors import SpeechsearchError, TableError
from speechsearch.pipeline import Pipeline
from speechsearch.types import Audio, Result

AT_ONCE = 4
FEWER_FOUND = 2
"""So many recordings less than the champion may be found: one is chance"""
MORE_WORD_ERRORS = 0.1
"""Per word, than the champion makes"""
Hear = Callable[[Pipeline, Audio], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Golden:
    """One recording: what is said in it, if anything, and the entry asked for, if one is."""

    path: Path
    text: str
    item: str


@dataclass(frozen=True, slots=True)
class Score:
    """What a version made of them all."""

    recordings: int = 0
    found: int = 0
    """The right entry on top"""
    heard_in_noise: int = 0
    """Text where nothing is said"""
    errors: Errors = field(default_factory=Errors)


def read_golden(table: Path) -> tuple[Golden, ...]:
    """The rows of a table with ``path`` (relative to it), ``text`` and ``item``; TableError."""
    try:
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        golden = [Golden(table.parent / r["path"], r["text"] or "", r["item"] or "") for r in rows]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(
            f"{table} is no table of golden utterances: {error!r}",
            hint="It needs the columns path, text and item: see audio_fixtures/manifest.tsv",
        ) from error
    if not golden:
        raise TableError(f"{table} has no rows", hint="A version has to prove itself on something")
    return tuple(golden)


async def score(pipeline: Pipeline, golden: Sequence[Golden], hear: Hear) -> Score:
    """Let a version hear them; raises what it raises."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def heard(one: Golden) -> Result:
        async with turn:
            return await hear(pipeline, await asyncio.to_thread(read_audio, one.path))

    results = await asyncio.gather(*map(heard, golden))
    pairs = list(zip(golden, results, strict=True))
    said = [count_errors(one.text, result.text) for one, result in pairs if one.text]
    return Score(
        len(golden),
        sum(bool(one.item and r.hits and r.hits[0].id == one.item) for one, r in pairs),
        sum(bool(not one.text and result.text) for one, result in pairs),
        sum(said, Errors()),
    )


def faults(champion: Score, challenger: Score) -> str:
    """What speaks against the challenger; empty where nothing does."""
    found = []
    if challenger.found < champion.found - FEWER_FOUND:
        found.append(
            f"{challenger.found} of {challenger.recordings} found, the champion {champion.found}"
        )
    if challenger.errors.wer > champion.errors.wer + MORE_WORD_ERRORS:
        found.append(
            f"word error rate {challenger.errors.wer:.2f}, the champion's {champion.errors.wer:.2f}"
        )
    if challenger.heard_in_noise > champion.heard_in_noise + 1:
        found.append(f"words in {challenger.heard_in_noise} recordings of noise")
    return ", ".join(found)


class Prover:
    """Lets versions hear one table; what it knows of the champion it need not hear again."""

    def __init__(self, table: Path, hear: Hear) -> None:
        self._table = table
        self._hear = hear
        self._of_champion: tuple[Pipeline, Score] | None = None

    async def faults(self, champion: Pipeline, challenger: Pipeline) -> str:
        """What speaks against the challenger; what it raises is a fault too. TableError."""
        golden = await asyncio.to_thread(read_golden, self._table)
        try:
            second = await score(challenger, golden, self._hear)
        except SpeechsearchError as error:
            return str(error)
        except Exception as error:
            return f"it fails: {error!r}"
        if self._of_champion is None or self._of_champion[0] is not champion:
            self._of_champion = champion, await score(champion, golden, self._hear)
        return faults(self._of_champion[1], second)
