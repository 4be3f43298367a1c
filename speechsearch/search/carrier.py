"""The words people put before what they want: "find me ...", "I'm looking for ..."."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.search.alignment import NEVER, Floats
from speechsearch.search.triples import LETTERS

CARRIERS = (
    "find", "find me", "can you find", "search", "search for", "look for", "look up", "show me",
    "open", "play", "read", "give me", "get me", "i want", "i want to read", "i want to hear",
    "i want to see", "i would like", "i am looking for", "i'm looking for", "do you have",
    "please find", "a book called", "the book", "find me the book", "find the book",
    "i am looking for a book called", "i'm looking for a book called", "i am looking for the book",
    "i'm looking for the book",
)  # fmt: skip
TOLERANCE = 0.25
"""Letters of a carrier that may be misheard"""
SPACE_CODE = ord(" ")


def carrier_length(heard: str) -> int:
    """How many letters at the start of ``heard`` (spaces between words) are a carrier phrase.

    The trailing space counts; 0 where there is none, or nothing follows it.

    >>> carrier_length("find me trasur eiland")
    8
    >>> carrier_length("moby dick")
    0
    """
    return int(_carried(_codes(heard), *_CODES, TOLERANCE))


def skip_prices(
    frames: Floats, prices: Floats, columns: npt.NDArray[np.int64], blank: int
) -> Floats:
    """Least price of all sound before each frame where it holds a carrier phrase: [frames + 1].

    ``frames`` [frames, columns] against the best letter of each, ``prices`` [frames] of skipping
    them, ``columns`` [ALPHABET] as everywhere. What is heard of the carrier costs what its best
    path does, so it need not be spelt right; nor is it skipped where a title begins with its words.
    """
    least = np.full(len(frames) + 1, -NEVER, np.float32)
    letters, starts = _carrier_letters(tuple(columns.tolist()))
    if len(letters):
        _follow(frames, prices, blank, letters, starts, least)
    return least


@lru_cache(maxsize=8)
def _carrier_letters(
    columns: tuple[int, ...],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Carriers with a space behind, end to end in columns; those the model can spell."""
    spelt = [[columns[LETTERS.index(letter)] for letter in f"{carrier} "] for carrier in CARRIERS]
    spelt = [letters for letters in spelt if min(letters) >= 0]
    starts = np.concatenate([[0], np.cumsum([len(letters) for letters in spelt])])
    return np.array([c for letters in spelt for c in letters], np.int64), starts.astype(np.int64)


@compiled
def _follow(frames, prices, blank, letters, starts, least):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """Best path of each carrier, from the start of the sound; the space at its end may be missing.

    ``letter[s + 1]``, ``pause[s + 1]`` as in ``alignment``; slot 0 is before the carrier.
    """
    for carrier in range(len(starts) - 1):
        spelt = letters[starts[carrier] : starts[carrier + 1]]
        size = len(spelt)
        letter = np.full(size + 1, NEVER, np.float32)
        pause = np.full(size + 1, NEVER, np.float32)
        pause[0] = 0
        for frame in range(len(frames)):
            row = frames[frame]
            for s in range(size, 0, -1):
                before = letter[s - 1] if s == 1 or spelt[s - 1] != spelt[s - 2] else NEVER
                coming = max(letter[s], before, pause[s - 1]) + row[spelt[s - 1]]
                pause[s] = max(pause[s], letter[s]) + row[blank]
                letter[s] = coming
            pause[0] -= prices[frame]
            least[frame + 1] = min(least[frame + 1], -max(letter[size], letter[size - 1]))
    for frame in range(len(frames)):
        least[frame + 1] = min(least[frame + 1], least[frame] + prices[frame])


@compiled
def _carried(heard, carriers, starts, tolerance):  # type: ignore[no-untyped-def]
    """Length of the best carrier, by the Levenshtein distance of each to each prefix of ``heard``.

    Characters as numbers; ``carriers`` end to end, each from its place in ``starts``.
    """
    best, length = 0, 0
    for number in range(len(starts) - 1):
        carrier = carriers[starts[number] : starts[number + 1]]
        row = np.arange(min(len(heard), len(carrier) + 4) + 1)
        for place in range(1, len(carrier) + 1):
            diagonal, row[0] = row[0], place
            for end in range(1, len(row)):
                above = row[end]
                wrong = diagonal + (carrier[place - 1] != heard[end - 1])
                row[end] = min(above + 1, row[end - 1] + 1, wrong)
                diagonal = above
        for end in range(len(row)):
            worth = len(carrier) - 2 * row[end]
            followed = len(heard) > end + 1 and heard[end] == SPACE_CODE
            if followed and row[end] <= tolerance * len(carrier) and worth > best:
                best, length = worth, end + 1
    return length


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)


_CODES = (
    _codes("".join(CARRIERS)),
    np.concatenate([[0], np.cumsum([len(carrier) for carrier in CARRIERS])]),
)
