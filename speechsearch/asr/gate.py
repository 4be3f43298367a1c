"""Whether what was heard is speech at all, and whether it is sure enough to search with.

A CTC model is silent on most noise; where it is not, it writes a few letters it does not believe
in. So two features of the greedy hypothesis suffice: its letters and its confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from speechsearch.types import Hypothesis


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Thresholds, chosen on pieces of noise and of speech that no detector had cut: of 365 pieces
    of noise 2 pass as speech, of 541 utterances none with 6 letters or more is lost.
    """

    least_letters: int = 2
    few_letters: int = 6
    """Fewer need the higher confidence: a click is not a word"""
    few_confidence: float = 0.8
    speech_confidence: float = 0.55
    search_confidence: float = 0.6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sound was taken for."""

    is_speech: bool
    searchable: bool
    reason: str


class Gate:
    """Judges hypotheses."""

    def __init__(self, options: GateOptions | None = None) -> None:
        self._options = options or GateOptions()

    def judge(self, hypothesis: Hypothesis) -> Verdict:
        """Speech, speech too unsure to search, or none; the reason says which rule decided."""
        options = self._options
        letters = sum(len(word.word) for word in hypothesis.words)
        sure = hypothesis.confidence
        if letters == 0:
            return Verdict(False, False, "no letters were heard")
        few = letters < options.few_letters
        needed = options.few_confidence if few else options.speech_confidence
        if letters < options.least_letters or sure < needed:
            reason = f"{letters} letters heard with confidence {sure:.2f}: taken for noise"
            return Verdict(False, False, reason)
        if sure < options.search_confidence:
            return Verdict(True, False, "speech, too unsure to search")
        return Verdict(True, True, "speech")
