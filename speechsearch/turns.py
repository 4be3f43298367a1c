"""Whose turn it is: how long a pause may last before it ends an utterance, and whether speech soon
after an answer is the same sentence. Pure judgements over what was heard and found.

A hangover is short where nothing speaks against an end, shorter where a title is complete, and
long after a word that nobody ends with, or for a speaker whose pauses are long. None exceeds what
the budget of 500 ms from the acoustic end of speech to the results leaves. An answer that came too
early costs a flicker: what follows is heard together with what was cut, and answered as one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from speechsearch.errors import ConfigError
from speechsearch.types import Result

DANGLING = frozenset(
    {
        "a", "an", "the", "of", "to", "in", "on", "at", "with", "and", "or", "for", "from", "by",
        "my", "your", "his", "her", "their", "our", "this", "that", "some", "about", "into",
        "called", "named", "like", "is", "are", "was",
    }
)  # fmt: skip
"""Words that hardly ever end a request: something follows."""


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Hangovers in milliseconds; the curve of early cut-offs against delay is in the README.

    Whole frames of the neural detector (32 ms): an endpoint inside a frame comes before that
    frame could say that speech goes on.
    """

    usual_ms: float = 288
    complete_ms: float = 224
    """Once the answer is as sure as that to a whole title said well"""
    dangling_ms: float = 416
    """After a word that something follows"""
    slow_ms: float = 384
    """The longest that a speaker's habit asks for"""
    complete_confidence: float = 0.95
    """Of an answer to a title that is whole: the head of one leaves rivals"""
    sure_confidence: float = 0.5
    """Two queries are told apart only where each is answered so surely by itself"""
    margin: float = 0.05
    """By such a share the two must explain more of the sound than one sentence does"""
    most_joined_ms: float = 30_000
    """No longer sound is heard as one"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.complete_ms <= self.usual_ms <= min(self.slow_ms, self.dangling_ms):
            raise ConfigError(
                "hangovers must grow from complete_ms over usual_ms to slow_ms and dangling_ms"
            )


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long a pause may last, and which rule said so."""

    hangover_ms: float
    reason: str


class Habit:
    """The pauses a speaker made inside sentences: the newest few, in milliseconds."""

    KEPT = 12
    ENOUGH = 4
    REACH = 1.2
    """How much longer than the usual long pause the next one may be"""

    def __init__(self) -> None:
        self._pauses_ms: deque[float] = deque(maxlen=self.KEPT)

    def add(self, pause_ms: float) -> None:
        """The speaker paused so long and went on."""
        self._pauses_ms.append(pause_ms)

    @property
    def hangover_ms(self) -> float:
        """What spares most of this speaker's pauses; 0 while too few are known."""
        if len(self._pauses_ms) < self.ENOUGH:
            return 0.0
        ranked = sorted(self._pauses_ms)
        return self.REACH * ranked[int(0.8 * len(ranked))]


def allow(heard: Result | None, habit: Habit, options: TurnOptions) -> Allowance:
    """How long the pause after ``heard`` may last; None: nobody had time to hear it."""
    if heard is None:
        return Allowance(options.dangling_ms, "unheard")
    words = heard.text.split()
    if words and words[-1] in DANGLING:
        return Allowance(options.dangling_ms, "dangling")
    if heard.answer_confidence >= options.complete_confidence:
        return Allowance(options.complete_ms, "complete")
    if habit.hangover_ms > options.usual_ms:
        return Allowance(min(habit.hangover_ms, options.slow_ms), "habit")
    return Allowance(options.usual_ms, "usual")


def is_one(first: Result, second: Result, joined: Result, options: TurnOptions) -> bool:
    """Whether ``second`` goes on with the sentence of ``first``, as ``joined`` heard it.

    Two queries only where each alone finds something sure, and both together explain their sound
    better, letter by letter, than one sentence explains all of it.
    """
    if min(first.answer_confidence, second.answer_confidence) < options.sure_confidence:
        return True
    scores = _score(first), _score(second)
    letters = len(first.text), len(second.text)
    apart = sum(s * n for s, n in zip(scores, letters, strict=True)) / sum(letters)
    return apart < _score(joined) + options.margin


def _score(heard: Result) -> float:
    return heard.hits[0].score if heard.hits else 0.0
