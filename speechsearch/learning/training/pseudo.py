"""Labels for recordings that nobody wrote down: kept only where ears that differ hear the same.

Two models that were trained apart err apart, so what they agree on is mostly right; what a person
would have to write down is what they do not. No torch here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from speechsearch.asr.wer import count_errors, normalise

DISAGREE, NOTHING, TOO_FAST, TOO_SLOW = "they disagree", "nothing heard", "too fast", "too slow"


@dataclass(frozen=True, slots=True)
class Agreement:
    """When a label is believed."""

    most_letter_errors: float = 0.05
    """Of any ear against the first, a share of its letters"""
    fewest_letters_s: float = 3.0
    """Letters a second: less is a label with words missing, or mostly silence"""
    most_letters_s: float = 25.0
    """More is what nobody can say: invented words"""

    def refuse(self, texts: Sequence[str], seconds: float) -> str:
        """Why the first of the texts is not believed; empty where it is."""
        said = [normalise(text) for text in texts]
        if not all(said):
            return NOTHING
        pace = len(said[0].replace(" ", "")) / max(seconds, 1e-3)
        if pace > self.most_letters_s:
            return TOO_FAST
        if pace < self.fewest_letters_s:
            return TOO_SLOW
        errors = max(count_errors(said[0], other).cer for other in said[1:])
        return DISAGREE if errors > self.most_letter_errors else ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording as every ear heard it."""

    name: str
    seconds: float
    texts: Sequence[str]


def believed(
    recordings: Sequence[Heard], agreement: Agreement
) -> tuple[list[tuple[str, str]], Counter[str]]:
    """(name, label) of those believed, and how many were refused for which reason.

    Raises ValueError for fewer than two ears: nothing can agree with itself.
    """
    kept, refused = [], Counter[str]()
    for one in recordings:
        if len(one.texts) < 2:
            raise ValueError(f"{one.name} was heard by {len(one.texts)} ear")
        why = agreement.refuse(one.texts, one.seconds)
        if why:
            refused[why] += 1
        else:
            kept.append((one.name, normalise(one.texts[0])))
    return kept, refused
