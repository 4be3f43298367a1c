"""Plays a recording to a recogniser in this process, in real time, and times its answers.

The sound comes in blocks as it would from a microphone, and the recogniser hears on a
thread of its own: while it computes, sound waits and is then handed on in one piece, so that
nobody loses any. Every final text is searched at once with the product's own text search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

import numpy as np
from played import LONGEST_TAIL_S, QUIET_S, Played

from speechsearch.audio.player import Player, read_audio
from speechsearch.audio.source import Block
from speechsearch.client.voice import Answer
from speechsearch.clock import monotonic_s
from speechsearch.search.ranking import Ranker
from speechsearch.types import SAMPLE_RATE_HZ, Audio
from speechsearch.wire import messages as m


@dataclass(frozen=True, slots=True)
class Said:
    """The final text of one utterance."""

    text: str
    start_s: float
    """Where it begins, in seconds of the recording"""
    t1_s: float
    """Clock instant of the endpoint decision"""


class Recogniser(Protocol):
    """A peer: hears a recording piece by piece, says each utterance when it has its final text."""

    set_up: str
    """How it runs, in a sentence for the report"""

    def begin(self, say: Callable[[Said], None]) -> None:
        """A new recording; ``say`` may be called from any thread, one at a time."""
        ...

    def hear(self, samples: Audio) -> None:
        """float32 [n], 16 kHz; may take as long as it needs."""
        ...

    def idle(self) -> bool:
        """Whether no utterance is open and none waits for its text."""
        ...

    def end(self) -> None:
        """No more sound: wait for texts under way; an utterance still open gets none."""
        ...


class Hearing:
    """Hands waiting sound to the recogniser; ``run`` belongs to a thread of its own."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.waiting = SimpleQueue[Audio | None]()
        self.heard_samples = 0
        self._recogniser = recogniser

    def run(self) -> None:
        """Hear until None comes, always all that waits; then wait for the texts under way."""
        try:
            while (samples := self._all_that_waits()) is not None:
                self._recogniser.hear(samples)
                self.heard_samples += len(samples)
        finally:
            self._recogniser.end()

    def _all_that_waits(self) -> Audio | None:
        pieces = [self.waiting.get()]
        while pieces[-1] is not None and not self.waiting.empty():
            pieces.append(self.waiting.get())
        sound = [piece for piece in pieces if piece is not None]
        if sound and pieces[-1] is None:
            self.waiting.put(None)  # heard next time
        return np.concatenate(sound) if sound else None


async def play(row: dict[str, str], recogniser: Recogniser, ranker: Ranker) -> Played:
    """Stream one file until the recogniser is idle and it has been quiet for a while."""
    played = Played(row)
    sound = read_audio(Path(row["file"]))
    player = Player(sound, tail_s=LONGEST_TAIL_S)
    quiet_from = round((max(len(sound) / SAMPLE_RATE_HZ, played.t0_s) + QUIET_S) * SAMPLE_RATE_HZ)
    hearing, position = Hearing(recogniser), 0
    recogniser.begin(lambda said: note(said, played, ranker))
    thread = asyncio.create_task(asyncio.to_thread(hearing.run))
    async for block in player.blocks():
        if isinstance(block, Block):
            hearing.waiting.put(block.samples)
            position += len(block.samples)
        idle = recogniser.idle() and hearing.heard_samples >= quiet_from
        if thread.done() or idle:
            player.stop()
    hearing.waiting.put(None)
    try:
        await thread
    except Exception as error:  # whatever a peer raises is that file's error
        played.error = f"{type(error).__name__}: {error}"
    played.started_s, played.length_s = player.started_s, position / SAMPLE_RATE_HZ
    if not played.error and played.covering is None:
        played.error = "no answer for the utterance that covers t0"
    return played


def note(said: Said, played: Played, ranker: Ranker) -> None:
    """Search, and keep the answer with its instants."""
    text = said.text.strip()
    hits = ranker.rank(text, None) if text else []
    t3_s = monotonic_s()
    number = len(played.starts) + 1
    message: m.Final | m.Nothing = m.Nothing(utterance=number, why="no text")
    if text:
        message = m.Final(
            utterance=number, text=text, confidence=1.0, words=(), hypotheses=(),
            hits=tuple(hits), timings_ms={}, model="", ear="", end_sample=0, endpoint_reason="",
        )  # fmt: skip
    played.starts.append(round(said.start_s * SAMPLE_RATE_HZ))
    played.answers.append(Answer(message, number, 0, 0.0, said.t1_s, t3_s))
