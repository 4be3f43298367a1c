"""Tables of recordings as traffic: who is the reference, who comes before the change, who after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speechsearch.errors import TableError
from speechsearch.learning.table import Recording
from speechsearch.replay.changes import Changes
from speechsearch.replay.ears import Said


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is heard, in order."""

    reference: tuple[Said, ...]
    before: tuple[Said, ...]
    after: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """What traffic is made of; None: more of ``before``, or half of its speakers."""

    before: Sequence[Recording]
    after: Sequence[Recording] | None = None
    reference: Sequence[Recording] | None = None

    def rows(self) -> list[Recording]:
        """Of all tables."""
        return [*self.before, *(self.after or ()), *(self.reference or ())]


@dataclass(frozen=True, slots=True)
class Lengths:
    """Utterances before and after the change; None: every row that there is, once."""

    before: int | None = None
    after: int | None = None


def speaker_of(recording: Recording) -> str:
    """The column ``speaker``; without it every recording has one of its own."""
    return recording.columns.get("speaker") or recording.name


def arrange(tables: Tables, lengths: Lengths, changes: Changes, seed: int) -> Traffic:
    """Shuffle speakers, then rows; no speaker is in the reference and in the traffic.

    Rows are drawn again where more are wanted than there are. Raises TableError where a table has
    too few speakers.
    """
    random = np.random.default_rng(seed)
    if tables.reference is None:
        speakers = sorted({speaker_of(row) for row in tables.before})
        random.shuffle(speakers)
        chosen = set(speakers[: len(speakers) // 2])
        reference = [row for row in tables.before if speaker_of(row) in chosen]
    else:
        reference = list(tables.reference)
        chosen = {speaker_of(row) for row in reference}
    before = _shuffled(tables.before, chosen, random)
    if tables.after is None:
        first = len(before) // 2 if lengths.before is None else lengths.before
        second = len(before) - len(before) // 2 if lengths.after is None else lengths.after
        drawn = _drawn(before, first + second, random)
        rows = drawn[:first], drawn[first:]
    else:
        after = _shuffled(tables.after, chosen, random)
        rows = _drawn(before, lengths.before, random), _drawn(after, lengths.after, random)
    return Traffic(
        tuple(_said(row) for row in reference),
        tuple(_said(row) for row in rows[0]),
        tuple(_said(row, changes, n) for n, row in enumerate(rows[1])),
    )


def _shuffled(
    rows: Sequence[Recording], without: set[str], random: np.random.Generator
) -> list[Recording]:
    kept = [row for row in rows if speaker_of(row) not in without]
    if not kept:
        raise TableError(
            "no speaker is left beside those of the reference",
            hint="Name a reference of other speakers, or tables with a column speaker of several",
        )
    return [kept[place] for place in random.permutation(len(kept))]


def _drawn(
    rows: list[Recording], wanted: int | None, random: np.random.Generator
) -> list[Recording]:
    wanted = len(rows) if wanted is None else wanted
    more = random.integers(len(rows), size=max(0, wanted - len(rows)))
    return [*rows[:wanted], *(rows[place] for place in more)]


def _said(row: Recording, changes: Changes | None = None, utterance: int = 0) -> Said:
    sound = tuple(one.at(utterance) for one in changes.sound) if changes else ()
    return Said(row.path, speaker_of(row), sound)
