"""Which versions traffic comes from, where several people speak at once. Pure.

Everybody has a microphone of their own: that the next utterance comes from another one is no
change. It is one when most of the newest traffic comes from another than before.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import fields

from speechsearch.monitoring.observation import Versions

NEWEST = 20
"""Utterances that are asked what is usual now"""


class Fleet:
    """Told of each utterance's versions; says what is in force for the traffic as a whole."""

    def __init__(self, newest: int = NEWEST) -> None:
        self._seen: dict[str, deque[str]] = {
            one.name: deque(maxlen=newest) for one in fields(Versions)
        }
        self._now: dict[str, str] = {}

    def update(self, versions: Versions) -> Versions:
        """Take an utterance's in; those of more than half of the newest, else as before."""
        for name, seen in self._seen.items():
            value = getattr(versions, name)
            if value:
                seen.append(value)
            if seen:
                most, count = Counter(seen).most_common(1)[0]
                if name not in self._now or 2 * count > len(seen):
                    self._now[name] = most
        return Versions(**self._now)
