"""Whose turn it is: how long a pause may last before it ends an utterance, and whether speech soon
after an answer is the same sentence. Pure judgements over what was heard and found.

A hangover is short where nothing speaks against an end, shorter where a title is complete, and
long after a word that nobody ends with, or for a speaker whose pauses are long. None exceeds what
the budget of 500 ms from the acoustic end of speech to the results leaves. An answer that came too
early costs a flicker: what follows is heard together with what was cut, and answered as one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
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
class WordEvidence:
    """Log-odds that two utterances are two queries where the catalogue knows neither.

    A logistic regression on half of the speakers of sentences cut at pauses and of pairs of
    sentences. ``offset`` is its own less 2.75: a sentence that stays cut has lost its first half,
    two queries in one answer are both still there, and far more people pause than ask again within
    1.5 s. ``scripts/bench_endpoint --fit``, on another half, finds -3.51, 0.6, 0.22 and 1.7. Less
    2.75 too, those joined as many cuts (98.5 against 98.4 % of 1,180) and kept fewer queries apart
    (3.5 against 6.3 % of 1,050): a choice made in sight of all speakers.
    """

    offset: float = -8.25
    of_words: float = 1.06
    """For each word of the shorter one: a fragment is short"""
    most_words: int = 6
    of_nats: float = 0.23
    """For each nat by which a language model prefers two sentences"""
    most_nats: float = 8.0
    of_pause: float = 1.3
    """For each second between the last word and the next"""
    most_pause_s: float = 1.5

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Hangovers in milliseconds; the curve of early cut-offs against delay is in the README.

    Whole frames of the neural detector (32 ms): an endpoint inside a frame comes before that
    frame could say that speech goes on.
    """

    usual_ms: float = 288
    complete_ms: float = 224
    """Once the answer is as sure as that to a whole title said well"""
    dangling_ms: float = 352
    """After a word that something follows; 416 spared none of 387 recordings a cut"""
    slow_ms: float = 320
    """The longest that a speaker's habit asks for: one frame more. In long sessions of read prose
    384 delays every second answer by a fifth to spare 6 of 100 a flicker (``bench_endpoint``)"""
    complete_confidence: float = 0.95
    """Of an answer to a title that is whole: the head of one leaves rivals"""
    sure_confidence: float = 0.5
    """Two queries are told apart only where each is answered so surely by itself"""
    least_explained: float = 0.55
    """And by a title that explains so much of what was said: one inside it tells no whole query"""
    margin: float = 0.05
    """By such a share the two must explain more of the sound than one sentence does"""
    words: WordEvidence = field(default_factory=WordEvidence)
    most_joined_ms: float = 30_000
    """No longer sound is heard as one"""
    most_unheard_ms: float = 2_000
    """Sound that was taken for noise may be the beginning of a sentence if it is no longer"""

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
    """How long the pause after ``heard`` may last; None: nobody had time to hear it, and no longer
    pause is allowed whatever it says.
    """
    if heard is None:
        return Allowance(max(options.dangling_ms, options.slow_ms), "unheard")
    words = heard.text.split()
    if words and words[-1] in DANGLING:
        return Allowance(options.dangling_ms, "dangling")
    if _known(heard, options.complete_confidence, options):
        return Allowance(options.complete_ms, "complete")
    if habit.hangover_ms > options.usual_ms:
        return Allowance(min(habit.hangover_ms, options.slow_ms), "habit")
    return Allowance(options.usual_ms, "usual")


@dataclass(frozen=True, slots=True)
class Seam:
    """Where two utterances meet."""

    at_s: float
    """The second one's sound begins, on the session's time line"""
    apart_nats: float | None = None
    """By so much a language model holds two sentences for likelier than one; None without one"""


def is_one(
    first: Result, second: Result, joined: Result, options: TurnOptions, seam: Seam | None = None
) -> bool:
    """Whether ``second`` goes on with the sentence of ``first``, as ``joined`` heard it.

    What both find decides where the catalogue knows what was said: two queries where each alone
    finds something sure, and both explain their sound better, letter by letter, than one sentence
    explains all of it. Where it does not, the words decide, and the length of the pause. A part
    that was taken for noise by itself is part of the sentence where that has words for it.
    """
    if not joined.text:
        return False
    if not (first.text and second.text):
        return seam is not None and _fills(first, second, joined, options, seam)
    sure = options.sure_confidence
    if _known(first, sure, options) and _known(second, sure, options):
        letters = len(first.text), len(second.text)
        scores = _score(first), _score(second)
        apart = sum(s * n for s, n in zip(scores, letters, strict=True)) / sum(letters)
        return apart < _score(joined) + options.margin
    if _known(joined, sure, options) or seam is None or seam.apart_nats is None:
        return True
    return _odds_of_two(first, second, seam.apart_nats, options.words) <= 0


def _fills(first: Result, second: Result, joined: Result, options: TurnOptions, seam: Seam) -> bool:
    """Whether the sentence has words where one of the parts alone was taken for noise.

    Not where the other part alone had a sure answer that the sentence has not.
    """
    words = joined.hypotheses[0].words
    before = any(word.start_s < seam.at_s for word in words)
    behind = any(word.end_s > seam.at_s for word in words)
    sure = options.sure_confidence
    alone = max(first.answer_confidence, second.answer_confidence)
    lost = alone >= sure > joined.answer_confidence
    return (before or bool(first.text)) and (behind or bool(second.text)) and not lost


def _odds_of_two(first: Result, second: Result, apart_nats: float, prices: WordEvidence) -> float:
    """Log-odds that two utterances are two queries, by their words and the pause alone."""
    ahead, behind = first.hypotheses[0].words, second.hypotheses[0].words
    if not ahead or not behind:
        return -math.inf
    shorter = min(len(ahead), len(behind), prices.most_words)
    pause_s = min(max(0.0, behind[0].start_s - ahead[-1].end_s), prices.most_pause_s)
    nats = min(max(apart_nats, -prices.most_nats), prices.most_nats)
    return (
        prices.offset + prices.of_words * shorter
        + prices.of_nats * nats + prices.of_pause * pause_s
    )  # fmt: skip


def _known(heard: Result, confidence: float, options: TurnOptions) -> bool:
    """Whether the catalogue surely has a title for all that was said."""
    return heard.answer_confidence >= confidence and _score(heard) >= options.least_explained


def _score(heard: Result) -> float:
    return heard.hits[0].score if heard.hits else 0.0
