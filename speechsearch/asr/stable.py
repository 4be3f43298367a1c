"""Which words of a growing transcript will stay: LocalAgreement-2.

Liu et al. 2020 ("Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial
Hypothesis Selection"): what two successive hypotheses agree on, from the first word on, is stable.
A stable word is never taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words so far."""

    stable: tuple[str, ...]
    tentative: tuple[str, ...]

    @property
    def text(self) -> str:
        """All words, stable ones first."""
        return " ".join((*self.stable, *self.tentative))


class StablePrefix:
    """Feed it each hypothesis of one utterance in order.

    >>> words = StablePrefix()
    >>> words.update(["the", "tim"]).stable
    ()
    >>> words.update(["the", "time", "ma"]).stable
    ('the',)
    >>> words.update(["a", "time", "machine"])
    Transcript(stable=('the', 'time'), tentative=('machine',))
    """

    def __init__(self) -> None:
        self._stable: list[str] = []
        self._before: list[str] = []

    def update(self, words: Sequence[str]) -> Transcript:
        """What is stable now, and what else this hypothesis says."""
        known = len(self._stable)
        for earlier, now in zip(self._before[known:], words[known:], strict=False):
            if earlier != now:
                break
            self._stable.append(now)
        self._before = list(words)
        return Transcript(tuple(self._stable), tuple(words[len(self._stable) :]))
