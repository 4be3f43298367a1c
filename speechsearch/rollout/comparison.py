"""What both arms made of the same utterances, summed up: shown to people, judged by nobody."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Compared(msgspec.Struct, frozen=True):
    """Sums over utterances; ``means`` divides them."""

    utterances: int = 0
    words_differing: float = 0.0
    """Word edits between the two texts, as a share of the longer"""
    hits_shared: float = 0.0
    """Entries that both found, as a share of the longer list"""
    top_1_changed: float = 0.0
    confidence_change: float = 0.0
    """The challenger's less the champion's"""
    champion_ms: float = 0.0
    """To hear and conclude, without waiting"""
    challenger_ms: float = 0.0

    def __add__(self, other: Compared) -> Compared:
        mine, theirs = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return Compared(**{name: value + theirs[name] for name, value in mine.items()})

    @property
    def means(self) -> dict[str, float]:
        """By name, of an utterance; empty where there was none."""
        sums = msgspec.structs.asdict(self)
        utterances = sums.pop("utterances")
        return {name: total / utterances for name, total in sums.items()} if utterances else {}


def shared(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of the longer list that is in both, 0..1; 1 where both are empty."""
    longest = max(len(one), len(other))
    return len({*one} & {*other}) / longest if longest else 1.0
