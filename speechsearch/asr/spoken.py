"""How a written text is spoken: each word beside its letters, a-z and apostrophe.

A number is read in more ways than one: 1984 is a year or one thousand and so on, 911 three digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from speechsearch.numerals import number, ordinal

SHORT = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "vs": "versus"}
SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "@": " at "}
Spelling = Callable[[str], str]


def readings(text: str) -> list[list[tuple[str, str]]]:
    """Ways to speak ``text``: its words in order, each as it is written and as it is spoken.

    Numbers whole, by pairs of digits, and digit by digit; one way where there are none.
    """
    ways: list[Spelling] = [_whole, _pairs, _digits] if re.search(r"\d", text) else [_whole]
    found = []
    for way in ways:
        words = [(written, _spoken(written, way)) for written in text.split()]
        kept = [(written, spoken) for written, spoken in words if spoken]
        if kept not in found:
            found.append(kept)
    return found


def _spoken(written: str, digits: Spelling) -> str:
    folded = unicodedata.normalize("NFKD", written.lower().replace("\u2019", "'"))
    word = "".join(c for c in folded if not unicodedata.combining(c))
    word = SHORT.get(word.strip(".,;:!?\"'"), word)
    for sign, said in SIGNS.items():
        word = word.replace(sign, said)
    word = re.sub(r"\$([\d,.]*\d)", r"\1 dollars", word)
    word = re.sub(r"(?<=\d),(?=\d{3})", "", word)
    word = re.sub(r"(?<=\d)\.(?=\d)", " point ", word)
    word = re.sub(r"(\d{1,6})(?:st|nd|rd|th)\b", lambda m: f" {ordinal(int(m[1]))} ", word)
    word = re.sub(r"\d+", lambda m: f" {digits(m[0])} ", word)
    word = re.sub(r"(?<![a-z])'|'(?![a-z])", " ", word)
    return " ".join(re.sub(r"[^a-z' ]", " ", word).split())


def _whole(digits: str) -> str:
    return number(int(digits)) if len(digits) <= 9 else _digits(digits)


def _pairs(digits: str) -> str:
    """1984: nineteen eighty four; 1905: nineteen oh five; 1900: nineteen hundred."""
    if len(digits) % 2 or len(digits) < 4:
        return _whole(digits)
    said = []
    for place in range(0, len(digits), 2):
        pair = digits[place : place + 2]
        said.append("oh " + number(int(pair)) if pair[0] == "0" else number(int(pair)))
    return " ".join(said).replace("oh zero", "hundred")


def _digits(digits: str) -> str:
    return " ".join(number(int(digit)) for digit in digits)
