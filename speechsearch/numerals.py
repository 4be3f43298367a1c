"""Whole numbers as English words, the way the frozen transcript normaliser reads them."""

from __future__ import annotations

# fmt: off
ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]
# fmt: on
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def number(n: int) -> str:
    """Words without "and": 105 -> "one hundred five"; past a million digit by digit."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (" " + ONES[n % 10] if n % 10 else "")
    if n < 1000:
        return ONES[n // 100] + " hundred" + (" " + number(n % 100) if n % 100 else "")
    if n < 1_000_000:
        return number(n // 1000) + " thousand" + (" " + number(n % 1000) if n % 1000 else "")
    return " ".join(ONES[int(c)] for c in str(n))


def ordinal(n: int) -> str:
    """21 -> "twenty first"."""
    head, _, last = number(n).rpartition(" ")
    last = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return f"{head} {last}".strip()
