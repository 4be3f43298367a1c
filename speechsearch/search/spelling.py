"""How a title is spoken, in the letters of a CTC model: a-z, apostrophe, space.

Numbers are read as the project's frozen normaliser reads them (105 -> "one hundred five"), so that
a title and a transcript of it meet. A title may be spoken in more ways than one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from speechsearch.numerals import number, ordinal

ROMAN = {
    roman: value
    for value, roman in enumerate(
        ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV",
         "XVI", "XVII", "XVIII", "XIX", "XX"), 2,
    )
}  # fmt: skip
ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "vs": "versus", "vol": "volume"}
FOLDED = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
    | dict.fromkeys("’‘ʼ`´", "'")
)
MAX_SPELLINGS = 8
MAX_LETTERS = 200
"""A longer spelling is cut at a word: nobody speaks more in one breath."""

_ABBREVIATION = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})(?:\.|(?=\s|$))")
_YEAR = re.compile(r"(?<![\d,.])(1[1-9]|20)(\d\d)(?![\d]|,\d|\.\d)")
_ROMAN = re.compile(rf"(?<=[\w.,:;] )({'|'.join(sorted(ROMAN, key=len, reverse=True))})\b")
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_SUBTITLE = re.compile(r"[:;]\s|\s[-–—]\s|\s?—\s?")


def letters(text: str) -> str:
    """Lower-case words of a-z and inner apostrophes with single spaces; empty if none remain."""
    folded = unicodedata.normalize("NFKD", text.lower().translate(FOLDED))
    t = "".join(c for c in folded if not unicodedata.combining(c))
    t = t.replace("&", " and ")
    t = _ABBREVIATION.sub(lambda m: ABBREVIATIONS[m[1]], t)
    t = re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", t)
    t = re.sub(r"\b([0-9]{1,15})(?:st|nd|rd|th)\b", lambda m: f" {ordinal(int(m[1]))} ", t)
    t = re.sub(r"[0-9]+", lambda m: f" {_digits(m[0])} ", t)
    t = re.sub(r"(?<![a-z])'|'(?![a-z])", " ", t)
    return " ".join(re.sub(r"[^a-z' ]", " ", t).split())


def spellings(title: str, aliases: Iterable[str] = ()) -> tuple[str, ...]:
    """All the ways a title may be spoken, distinct, the full title first; at most MAX_SPELLINGS.

    Whole, without its parentheses, without its subtitle, then the aliases; each with years as
    years (1984 "nineteen eighty four", and as a number) and Roman numbers read out.
    """
    found: dict[str, None] = {}
    for form in _forms(title, aliases):
        for reading in _readings(form):
            found.setdefault(_cut(letters(reading)))
    found.pop("", None)
    return tuple(found)[:MAX_SPELLINGS]


def _forms(title: str, aliases: Iterable[str]) -> Iterator[str]:
    yield title
    bare = " ".join(_ASIDE.sub(" ", title).split())
    yield bare
    head = _SUBTITLE.split(bare, maxsplit=1)[0]
    if len(head) >= 3:
        yield head
    yield from aliases


def _readings(text: str) -> Iterator[str]:
    yield _YEAR.sub(_year, _ROMAN.sub(lambda m: number(ROMAN[m[1]]), text))
    if _ROMAN.search(text):
        yield _YEAR.sub(_year, _ROMAN.sub(lambda m: f"the {ordinal(ROMAN[m[1]])}", text))
    if _YEAR.search(text):
        yield text


def _cut(spoken: str) -> str:
    if len(spoken) <= MAX_LETTERS:
        return spoken
    return spoken[: MAX_LETTERS + 1].rpartition(" ")[0] or spoken[:MAX_LETTERS]


def _digits(digits: str) -> str:
    """A number of any length; a long one digit by digit, as ``number`` reads it."""
    digits = digits.lstrip("0") or "0"
    return number(int(digits)) if len(digits) <= 6 else " ".join(number(int(c)) for c in digits)


def _year(match: re.Match[str]) -> str:
    century, rest = int(match[1]), int(match[2])
    if century == 20 and rest < 10:
        return match[0]
    if rest == 0:
        return f"{number(century)} hundred"
    return f"{number(century)} {'oh ' if rest < 10 else ''}{number(rest)}"
