"""Which recordings are trained on, and the letters that belong to each: from tables, without torch.

The transcript is brought to the one form in which words are compared (``asr.wer.normalise``), so
that the same words always have the same letters, then spelled with the model's own.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.asr.wer import normalise
from speechsearch.errors import RecipeError, TableError
from speechsearch.learning.measures import SPEAKER_COLUMNS
from speechsearch.learning.table import Recording, read_table
from speechsearch.learning.training.recipe import Lengths, Speech
from speechsearch.types import SAMPLE_RATE_HZ

_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(-?[\d.]+)")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording to learn from."""

    path: Path
    seconds: float
    labels: tuple[int, ...]
    """Columns of the model's output, blanks left out"""
    part: int
    """Which of the recipe's ``speech`` it belongs to"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All of them, in the tables' order, and what was left out."""

    utterances: tuple[Utterance, ...]
    left_out: Mapping[str, int]
    """Reason -> how many recordings"""
    licences: Sequence[Sequence[str]]
    """Of each part, as its table states them"""

    def minutes(self, part: int) -> float:
        """How much of a part there is."""
        return sum(one.seconds for one in self.utterances if one.part == part) / 60


class Speller:
    """Words to the columns of a model's output."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        hidden = vocabulary.hidden_ids
        ids = {letter: i for letter, i in vocabulary.ids.items() if i not in hidden}
        lower = {letter.lower(): i for letter, i in ids.items()}
        self._ids = lower | {" ": vocabulary.delimiter_id}

    def spell(self, transcript: str) -> tuple[int, ...]:
        """The normalised words; raises KeyError for a letter that the model does not write."""
        return tuple(self._ids[letter] for letter in normalise(transcript))


def frames_needed(labels: Sequence[int]) -> int:
    """CTC writes one letter a frame, with a blank between two that are alike."""
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def read_corpus(
    parts: Sequence[Speech],
    lengths: Lengths,
    speller: Speller,
    timing: FrameTiming,
    seed: int,
) -> Corpus:
    """What the recipe's tables have to offer; RecipeError where a part has nothing left.

    Sounds are not read yet: lengths come from the files' headers.
    """
    utterances: list[Utterance] = []
    left_out: dict[str, int] = {}
    licences: list[list[str]] = []
    for number, part in enumerate(parts):
        rows = chosen(part, seed)
        before = len(utterances)
        licences.append(sorted({_licence(row) for row in rows}))
        for row in rows:
            made = _utterance(row, number, lengths, speller, timing)
            if isinstance(made, Utterance):
                utterances.append(made)
            else:
                left_out[made] = left_out.get(made, 0) + 1
        if len(utterances) == before:
            raise RecipeError(
                f"nothing of {part.table} can be learned from",
                hint=f"{len(rows)} rows meet {part.where or 'no condition'}; left out: {left_out}",
            )
    return Corpus(tuple(utterances), left_out, licences)


def chosen(part: Speech, seed: int) -> list[Recording]:
    """The rows that meet the condition, at most so many minutes: whole speakers as drawn."""
    rows = meeting(read_table(Path(part.table)), part.where)
    if part.minutes is None:
        return rows
    speakers = sorted({_speaker(row) for row in rows})
    order = np.random.default_rng(seed).permutation(len(speakers))
    rank = {speakers[place]: n for n, place in enumerate(order)}
    wanted_s, taken = part.minutes * 60, []
    for row in sorted(rows, key=lambda row: rank[_speaker(row)]):  # stable: rows keep their order
        if wanted_s <= 0:
            break
        taken.append(row)
        wanted_s -= seconds_of(row.path)
    return taken


def meeting(rows: Iterable[Recording], where: Mapping[str, str]) -> list[Recording]:
    """The rows whose columns fit all patterns; TableError for a column that is not there."""
    tests = {column: _test(wanted) for column, wanted in where.items()}
    met = []
    for row in rows:
        for column in tests:
            if column not in row.columns:
                raise TableError(
                    f"{row.path} has no column {column!r} to choose by",
                    hint=f"Its table has {', '.join(row.columns)}",
                )
        if all(fits(row.columns[column]) for column, fits in tests.items()):
            met.append(row)
    return met


def _test(wanted: str) -> Callable[[str], bool]:
    comparison = _COMPARISON.fullmatch(wanted.strip())
    if comparison is None:
        return lambda value: fnmatchcase(value, wanted)
    compare, limit = _COMPARE[comparison[1]], float(comparison[2])

    def fits(value: str) -> bool:
        try:
            return compare(float(value), limit)
        except ValueError:
            return False

    return fits


def _speaker(row: Recording) -> str:
    named = (row.columns[name] for name in SPEAKER_COLUMNS if row.columns.get(name))
    return next(named, row.name)


def _licence(row: Recording) -> str:
    named = (row.columns[name] for name in ("licence", "license") if row.columns.get(name))
    return next(named, "not stated")


def seconds_of(path: Path) -> float:
    """Length by the file's header; TableError where there is none."""
    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.SoundFileError) as error:
        raise TableError(
            f"{path} cannot be read: {error}", hint="Take its row out of the table"
        ) from error


def _utterance(
    row: Recording, part: int, lengths: Lengths, speller: Speller, timing: FrameTiming
) -> Utterance | str:
    """The utterance, or why there is none."""
    seconds = seconds_of(row.path)
    if seconds < lengths.shortest_s:
        return "too short"
    if seconds > lengths.longest_s:
        return "too long"
    try:
        labels = speller.spell(row.transcript)
    except KeyError:
        return "letters that the model does not write"
    if not labels:
        return "no words"
    slowest = 1.25  # the fastest speed of an augmentation leaves so much less time
    if frames_needed(labels) > timing.frames(int(seconds / slowest * SAMPLE_RATE_HZ)):
        return "more letters than frames"
    return Utterance(row.path, seconds, labels, part)
