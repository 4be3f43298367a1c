"""What became of each spoken answer, told from what one person does next. Pure, clock handed in.

    answer ─► hit opened                      clicked
           ─► much the same said soon after   redo      (the answer was wrong, or empty)
           ─► a query typed soon after        typed
           ─► nothing, or it was given up     abandoned (or the list was all that was wanted)

People seldom say that they repeat themselves. Two searches are one and the same where their letters
are alike, or where what is found best now was among the hits before: heard badly, the wanted title
is seldom first, but often there. ``scripts/bench_redo`` counts both on repetitions that were made;
no sessions of real people were at hand, and of the window's length nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import ClassVar, Literal

from speechsearch.errors import ConfigError

Became = Literal["clicked", "redo", "typed", "abandoned"]


@dataclass(frozen=True, slots=True)
class JourneyOptions:
    """When two searches belong together."""

    window_s: float = 30.0
    """Later than this after an answer nothing is about it any more"""
    alike: float = 0.6
    """Likeness, 0..1, from which the second search is the first said again: 0.55 to 0.65 tell about
    as well"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.window_s <= 0 or not 0 < self.alike <= 1:
            raise ConfigError("window_s must be above 0 and alike in 0..1")


@dataclass(frozen=True, slots=True)
class Search:
    """A spoken search and its answer."""

    utterance: int
    text: str
    hits: tuple[str, ...]
    at_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer."""

    utterance: int
    became: Became
    rank: int | None = None
    """Of the hit that was opened, from 1; None where it is unknown"""
    told: bool = False
    """Whether the client said so, or it was seen"""


def likeness(first: Search, second: Search) -> float:
    """0..1: how alike the letters are; 1 where the best hit now was among those before.

    Letters by Ratcliff and Obershelp 1988, "Pattern Matching: the Gestalt Approach".
    """
    if second.hits and second.hits[0] in first.hits:
        return 1.0
    if not first.text or not second.text:
        return 0.0
    letters = (first.text.replace(" ", ""), second.text.replace(" ", ""))
    return SequenceMatcher(None, *letters).ratio()


class Journey:
    """One session's searches in order; each answer becomes one outcome."""

    def __init__(self, options: JourneyOptions | None = None) -> None:
        self._options = options or JourneyOptions()
        self._open: Search | None = None

    def answered(self, search: Search, continues: int | None = None) -> list[Outcome]:
        """An answer is shown; where it ``continues`` the one before, it takes its place."""
        before, outcomes = self._open, self.passed(search.at_s)
        if self._open and before and continues != before.utterance:
            again = not before.hits or likeness(before, search) >= self._options.alike
            outcomes.append(Outcome(before.utterance, "redo" if again else "abandoned"))
        self._open = search
        return outcomes

    def typed(self, at_s: float) -> list[Outcome]:
        """A query was typed."""
        outcomes = self.passed(at_s)
        return outcomes + self._close("typed", None, told=False)

    def told(self, action: str, utterance: int, hit: str) -> list[Outcome]:
        """The client said what the person did; of an answer that is over already: nothing."""
        if self._open is None or self._open.utterance != utterance:
            return []
        hits = self._open.hits
        rank = hits.index(hit) + 1 if hit in hits else None
        became: dict[str, Became] = {
            "click": "clicked", "redo": "redo", "typed": "typed", "abandon": "abandoned",
        }  # fmt: skip
        return self._close(became[action], rank if action == "click" else None, told=True)

    def passed(self, now_s: float) -> list[Outcome]:
        """Time has passed."""
        if self._open is None or now_s - self._open.at_s <= self._options.window_s:
            return []
        return self._close("abandoned", None, told=False)

    def ended(self) -> list[Outcome]:
        """The person has left."""
        return self._close("abandoned", None, told=False)

    def _close(self, became: Became, rank: int | None, *, told: bool) -> list[Outcome]:
        closed, self._open = self._open, None
        return [Outcome(closed.utterance, became, rank, told)] if closed else []
