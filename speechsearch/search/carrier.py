"""The words people put before what they want: "find me ...", "I'm looking for ..."."""

from __future__ import annotations

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


def carrier_length(heard: str) -> int:
    """How many letters at the start of ``heard`` (spaces between words) are a carrier phrase.

    The trailing space counts; 0 where there is none, or nothing follows it.

    >>> carrier_length("find me trasur eiland")
    8
    >>> carrier_length("moby dick")
    0
    """
    best, length = 0.0, 0
    for carrier in CARRIERS:
        for end, errors in enumerate(_prefix_distances(carrier, heard[: len(carrier) + 4])):
            followed = heard[end : end + 1] == " " and len(heard) > end + 1
            worth = len(carrier) - 2 * errors
            if followed and errors <= TOLERANCE * len(carrier) and worth > best:
                best, length = worth, end + 1
    return length


def _prefix_distances(carrier: str, heard: str) -> list[int]:
    """Levenshtein distance of the carrier to each prefix of what was heard."""
    row = list(range(len(heard) + 1))
    for place, letter in enumerate(carrier, 1):
        diagonal, row[0] = row[0], place
        for end, other in enumerate(heard, 1):
            diagonal, row[end] = (
                row[end],
                min(row[end] + 1, row[end - 1] + 1, diagonal + (letter != other)),
            )
    return row
