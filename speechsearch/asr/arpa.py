"""Reads n-gram models in ARPA format, as SRILM, KenLM and others write it."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from speechsearch.asr.ngram import BEGIN, END, IMPOSSIBLE, UNKNOWN, Grams, NGram, assemble
from speechsearch.errors import ModelError

MAX_ORDER = 5
MAX_NGRAMS = 20_000_000
_COUNT = re.compile(r"ngram (\d+)\s*=\s*(\d+)$")
_HINT = "Give a model in ARPA format (text, or that with gzip)"
_UNKNOWN_LOG10 = -7.0
"""Of ``<unk>`` where the file has none"""


def read_arpa(path: Path) -> NGram:
    """The model in a file, words in lower case; ``ModelError`` says which line is damaged."""
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            return _read(((n, line.strip()) for n, line in enumerate(file, 1)), path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}", hint=_HINT) from error


def _read(lines: Iterator[tuple[int, str]], path: Path) -> NGram:
    counts = _counts(lines, path)
    ids: dict[str, int] = {}
    levels = []
    for length, count in enumerate(counts, 1):
        levels.append(_level(lines, path, ids, length, count))
        _expect(lines, path, f"\\{length + 1}-grams:" if length < len(counts) else "\\end\\")
    levels[0] = _with_marks(ids, levels[0])
    return assemble(tuple(ids), levels)


def _counts(lines: Iterator[tuple[int, str]], path: Path) -> list[int]:
    """How many n-grams of each length the header promises."""
    counts: list[int] = []
    for number, line in lines:
        if match := _COUNT.match(line):
            counts.append(int(match[2]))
            if int(match[1]) != len(counts) or len(counts) > MAX_ORDER or sum(counts) > MAX_NGRAMS:
                _fail(path, number, f"{line!r}: at most {MAX_ORDER} words, {MAX_NGRAMS} n-grams")
        elif line == "\\1-grams:":
            if not counts:
                _fail(path, number, "no line 'ngram 1=...' before the n-grams")
            return counts
        elif line not in {"", "\\data\\"} and counts:
            _fail(path, number, f"{line[:40]!r} where the n-grams should begin")
    raise ModelError(f"{path} has no n-grams", hint=_HINT)


def _level(
    lines: Iterator[tuple[int, str]], path: Path, ids: dict[str, int], length: int, count: int
) -> Grams:
    """All n-grams of one length; the first ones name the words."""
    words = np.zeros((count, length), np.int64)
    nats = np.zeros((2, count), np.float32)
    for row in range(count):
        number, line = next(lines, (0, ""))
        fields = line.split()
        if len(fields) not in {length + 1, length + 2}:
            _fail(path, number, f"no n-gram of {length} where {count} were promised")
        names = [_name(field) for field in fields[1 : length + 1]]
        if length == 1 and ids.setdefault(names[0], row) != row:
            _fail(path, number, f"{names[0]!r} is there twice")
        try:
            words[row] = [ids[name] for name in names]
            nats[:, row] = [_nats(fields[0]), _nats(fields[-1]) if len(fields) > length + 1 else 0]
        except (KeyError, ValueError) as error:
            _fail(path, number, f"{error} is no known word or number")
    return Grams(words, nats[0], nats[1])


def _with_marks(ids: dict[str, int], singles: Grams) -> Grams:
    """Adds the marks that the file does not have."""
    for mark in (UNKNOWN, BEGIN, END):
        if mark not in ids:
            ids[mark] = len(ids)
            nats = _nats(str(_UNKNOWN_LOG10)) if mark == UNKNOWN else IMPOSSIBLE
            singles = Grams(
                np.append(singles.words, [[ids[mark]]], axis=0),
                np.append(singles.log_prob, np.float32(nats)),
                np.append(singles.backoff, np.float32(0)),
            )
    return singles


def _name(field: str) -> str:
    return UNKNOWN if field == "<UNK>" else field.lower()


def _nats(log10: str) -> float:
    value = float(log10) * math.log(10)
    if not value < math.inf:
        raise ValueError(log10)
    return max(value, float(IMPOSSIBLE))


def _expect(lines: Iterator[tuple[int, str]], path: Path, mark: str) -> None:
    for number, line in lines:
        if line == mark:
            return
        if line:
            _fail(path, number, f"{line[:40]!r} where {mark!r} should be")
    raise ModelError(f"{path} ends before {mark!r}", hint="Copy the whole file again")


def _fail(path: Path, number: int, what: str) -> None:
    raise ModelError(f"{path}, line {number}: {what}", hint=_HINT)
