"""What synthetic voices are to say: queries and sentences; utterance n is a function of (seed, n).

Titles, names and places come from catalogues, sentences from books. Never from a table of the
evaluation, nor from anything chosen after one.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechsearch.numerals import number, ordinal

SPEAKABLE = re.compile(r"[A-Za-z][A-Za-z ,.'?!;:-]{2,150}")
TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,'&-]{2,60}")
FORBIDDEN = frozenset({"speech.tsv", "phrases.tsv", "commands.tsv", "vad.tsv"})
CARRIERS = (
    "{}", "find {}", "find me {}", "play {}", "search for {}", "I'm looking for {}", "show me {}",
    "do you have {}", "I want to watch {}", "I want to read {}", "who wrote {}", "open {}",
    "put on {}", "can you find {}", "have you got {}", "what about {}", "{} please",
    "when did {} come out", "tell me about {}", "where can I get {}",
)  # fmt: skip
COUNTED = (
    "{}", "room {}", "number {}", "chapter {}", "page {}", "season {}", "channel {}",
    "set a timer for {} minutes", "the {} of May", "call me at {}", "it costs {} dollars",
)  # fmt: skip
KINDS = ("sentence", "asked", "title", "name", "number")
SHARES = (0.5, 0.25, 0.08, 0.07, 0.1)


@dataclass(frozen=True, slots=True)
class Texts:
    """Where utterances are drawn from."""

    sentences: Sequence[str]
    titles: Sequence[str]
    names: Sequence[str]

    def utterance(self, seed: int, number_: int) -> str:
        """What is said as utterance ``number_``."""
        random = np.random.default_rng([seed, number_])
        kind = str(random.choice(KINDS, p=SHARES))
        if kind == "sentence":
            return _one(self.sentences, random)
        if kind == "asked":
            return str(random.choice(CARRIERS)).format(_one(self.titles, random))
        if kind == "title":
            return _one(self.titles, random)
        if kind == "name":
            return _one(self.names, random)
        return _numbers(random)


def read_texts(sentences: Path, titles: Sequence[Path], names: Sequence[Path]) -> Texts:
    """Sentences of a file (its first column where there are tabs), titles and names of tables.

    ``names`` are tables with a column ``name`` or ``authors``. Raises ValueError for a table that
    must not be used.
    """
    for path in (sentences, *titles, *names):
        if path.name in FORBIDDEN:
            raise ValueError(f"{path.name} is a table of the evaluation: nothing is made of it")
    opened = gzip.open if sentences.suffix == ".gz" else open
    with opened(sentences, "rt", encoding="utf-8") as file:
        said = [line.rstrip("\n").split("\t")[0].strip() for line in file]
    return Texts(
        sentences=_kept(said, SPEAKABLE),
        titles=_kept([row.get("title", "") for path in titles for row in _rows(path)], TITLE),
        names=_kept(
            [
                row.get("name") or row.get("authors", "").split(",")[0]
                for path in names
                for row in _rows(path)
            ],
            TITLE,
        ),
    )


def _kept(texts: Sequence[str], wanted: re.Pattern[str]) -> list[str]:
    """Once each; a series in brackets behind a title is not said."""
    bare = (re.sub(r"\s*\(.*\)$", "", text).strip() for text in texts)
    kept = [text for text in dict.fromkeys(bare) if wanted.fullmatch(text)]
    if not kept:
        raise ValueError(f"no text is left that fits {wanted.pattern}")
    return kept


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        return [
            {name: value or "" for name, value in row.items() if name}
            for row in csv.DictReader(file, delimiter=delimiter, quoting=_quoting(delimiter))
        ]


def _quoting(delimiter: str) -> int:
    return csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL


def _one(texts: Sequence[str], random: np.random.Generator) -> str:
    return texts[int(random.integers(len(texts)))]


def _numbers(random: np.random.Generator) -> str:
    """Digits one by one, a number, an ordinal, a year."""
    kind = int(random.integers(4))
    if kind == 0:
        return " ".join(
            number(int(digit)) for digit in random.integers(0, 10, random.integers(3, 8))
        )
    if kind == 1:
        said = number(int(random.integers(0, int(random.choice([20, 100, 1000, 100_000])))))
        return str(random.choice(COUNTED)).format(said)
    if kind == 2:
        return f"the {ordinal(int(random.integers(1, 100)))} of {_one(MONTHS, random)}"
    century, rest = int(random.integers(16, 21)), int(random.integers(10, 100))
    return f"{number(century)} {number(rest)}"


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
