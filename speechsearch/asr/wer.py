"""Word and letter error rates over normalised text, as every measurement here counts them.

The rules: lower case, a-z and apostrophe only, numbers as words, "hundred and five" = "hundred
five", a few abbreviations spelled out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import jiwer

from speechsearch.numerals import number, ordinal

_SHORT = (
    ("mr.", "mister"),
    ("mrs.", "missus"),
    ("dr.", "doctor"),
    ("mr ", "mister "),
    ("mrs ", "missus "),
    ("dr ", "doctor "),
    ("o'clock", "oclock"),
    ("okay", "ok"),
)


@dataclass(frozen=True, slots=True)
class Errors:
    """Substitutions, deletions and insertions, and what they are counted against."""

    word_errors: int = 0
    words: int = 0
    letter_errors: int = 0
    letters: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.word_errors + other.word_errors,
            self.words + other.words,
            self.letter_errors + other.letter_errors,
            self.letters + other.letters,
        )

    @property
    def wer(self) -> float:
        """Word errors per reference word."""
        return self.word_errors / max(1, self.words)

    @property
    def cer(self) -> float:
        """Letter errors per reference letter, spaces counted."""
        return self.letter_errors / max(1, self.letters)


def count_errors(reference: str, hypothesis: str) -> Errors:
    """The errors of one utterance; sum them over a set."""
    said, heard = normalise(reference), normalise(hypothesis)
    words, letters = jiwer.process_words(said, heard), jiwer.process_characters(said, heard)
    return Errors(_errors(words), len(said.split()), _errors(letters), len(said))


def disagreement(one: str, other: str) -> float:
    """Word edits between two readings, as a share of the longer: 0..1."""
    left, right = normalise(one), normalise(other)
    longest = max(len(left.split()), len(right.split()))
    if not left or not right:
        return float(longest > 0)
    return _errors(jiwer.process_words(left, right)) / longest


def _errors(counted: jiwer.WordOutput | jiwer.CharacterOutput) -> int:
    return counted.substitutions + counted.deletions + counted.insertions


def normalise(text: str) -> str:
    """The form in which words are compared."""
    text = text.lower().replace("\u2019", "'")
    for short, long in _SHORT:
        text = text.replace(short, long)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda m: f" {ordinal(int(m.group(1)))} ", text)
    text = re.sub(r"\d+", lambda m: f" {number(int(m.group()))} ", text)
    text = " ".join(re.sub(r"[^a-z' ]", " ", text).split())
    return re.sub(r"\b(hundred|thousand) and\b", r"\1", text)
