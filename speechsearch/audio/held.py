"""Hold to talk: sound passes only while the person talks, and a moment longer."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import AsyncGenerator

import numpy as np

from speechsearch.audio.source import Block, Source, SourceNotice
from speechsearch.clock import Clock, monotonic_s
from speechsearch.types import SAMPLE_RATE_HZ

DRAIN_S = 0.3
"""Sound after the release that still counts: fingers are faster than tongues"""
LEAD_S = 0.4
"""Silence before each talk, longer than a pre-roll: that shall not reach into the talk before"""


class HeldSource:
    """A source whose sound is thrown away unheard unless ``press`` was called.

    The device stays open, so that the first word is not clipped. Positions count what passes.
    """

    def __init__(self, source: Source, clock: Clock = monotonic_s) -> None:
        self._source = source
        self._clock = clock
        self._since_s = self._until_s = float("inf")  # what is heard between these passes
        self._released_s = 0.0
        self._talking = self._begun = False
        self._position = 0
        self._names: list[tuple[int, str]] = [(0, source.name)]

    @property
    def overruns(self) -> int:
        """Those of the source."""
        return self._source.overruns

    @property
    def name(self) -> str:
        """What is heard now."""
        return self._source.name

    @property
    def talking(self) -> bool:
        """Whether sound passes as long as nobody calls ``release``."""
        return self._talking

    def name_at(self, sample: int) -> str:
        """What was heard at a position."""
        starts = [start for start, _ in self._names]
        return self._names[max(0, bisect_right(starts, sample) - 1)][1]

    def press(self) -> None:
        """Let pass what is heard from now on."""
        if not self._begun:
            self._since_s = self._clock()
        self._talking, self._until_s = True, float("inf")

    def release(self, at_s: float | None = None) -> None:
        """End what was said ``DRAIN_S`` after the key was let go, at ``at_s`` or now."""
        if self._talking:
            self._released_s = self._clock() if at_s is None else at_s
            self._talking, self._until_s = False, self._released_s + DRAIN_S

    async def blocks(self) -> AsyncGenerator[Block | SourceNotice, None]:
        """The source's blocks while the person talks; its notices always."""
        async with contextlib.aclosing(self._source.blocks()) as blocks:
            async for block in blocks:
                if isinstance(block, SourceNotice):
                    yield block
                elif self._since_s < block.heard_at_s <= self._until_s:
                    if not self._begun:
                        yield self._lead(block)
                    self._position += len(block.samples)
                    yield block
                elif self._begun:
                    self._begun = False
                    yield SourceNotice("", "released", at_s=self._released_s)

    def _lead(self, block: Block) -> Block:
        self._begun = True
        if self.name != self._names[-1][1]:
            self._names.append((self._position, self.name))
        silence = np.zeros(round(LEAD_S * SAMPLE_RATE_HZ), np.float32)
        self._position += len(silence)
        return Block(silence, block.heard_at_s - len(block.samples) / SAMPLE_RATE_HZ)
