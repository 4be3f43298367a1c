"""The work that an uploaded recording is: measured first, then heard and answered, in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from speechsearch.audio.reader import SoundLimits, Source, lengths_s, sound_blocks
from speechsearch.clock import monotonic_s
from speechsearch.errors import DeadlineExceeded, ServerUnavailable, SpeechsearchError
from speechsearch.server.conversation import Conversation, Say
from speechsearch.server.hearing import Hearing, Position
from speechsearch.server.offload import Offload
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.objects import ProgressObject, UtteranceObject, utterance_object

T = TypeVar("T")
Told = UtteranceObject | ProgressObject
PROGRESS_EVERY_S = 0.5
BLOCKS_AT_ONCE = 16
"""Decoded in a thread before the loop has its turn"""


@dataclass(frozen=True, slots=True)
class Ears:
    """What recordings are heard with."""

    segmenter: Callable[[], Segmenter]
    converse: Callable[[Say], Conversation]
    limits: SoundLimits
    work_s: float
    """No recording takes longer"""
    draining: Callable[[], bool]
    """Whether the server is about to end"""


class Transcribing:
    """One recording's work; to be begun in the loop that it is done in.

    What fails for no reason of the recording's is logged, and a SpeechsearchError all the same.
    """

    def __init__(self, source: Source, ears: Ears) -> None:
        self._source = source
        self._ears = ears
        self._deadline_s = asyncio.get_running_loop().time() + ears.work_s

    async def measure_s(self) -> float:
        """Decode all of it; its length. Raises AudioFileError and what derives from it."""
        lengths, offload, length_s = lengths_s(self._source, self._ears.limits), Offload(), 0.0
        try:
            while some := await self._in_time(
                offload.run(lambda: list(islice(lengths, BLOCKS_AT_ONCE)))
            ):
                length_s = some[-1]
        finally:
            await offload.settled()
            lengths.close()
        return length_s

    async def events(self, total_s: float) -> AsyncGenerator[Told, None]:
        """Each utterance as it is answered, and now and then how far it is."""
        shown_s = monotonic_s()
        async with aclosing(self._answers()) as answers:
            while (answer := await self._in_time(anext(answers, None))) is not None:
                if isinstance(answer, UtteranceObject):
                    yield answer
                elif monotonic_s() - shown_s > PROGRESS_EVERY_S:
                    shown_s = monotonic_s()
                    yield ProgressObject(
                        done_s=round(min(answer.done_s, total_s), 2), total_s=round(total_s, 2)
                    )
        yield ProgressObject(done_s=round(total_s, 2), total_s=round(total_s, 2))

    async def _answers(self) -> AsyncGenerator[UtteranceObject | Position, None]:
        ears = self._ears
        blocks = sound_blocks(self._source, ears.limits)
        hearing = Hearing(blocks, await asyncio.to_thread(ears.segmenter), ears.converse)
        try:
            async for answer in hearing.answers():
                if isinstance(answer, Position):
                    yield answer
                elif isinstance(answer.message, m.Final):
                    yield utterance_object(self._source.name, answer.message, answer.timings_ms)
        finally:
            await hearing.close()
            blocks.close()

    async def _in_time(self, step: Awaitable[T]) -> T:
        """A step of the work, unless the time or the server is over."""
        try:
            async with asyncio.timeout_at(self._deadline_s):
                outcome = await step
        except TimeoutError:
            raise DeadlineExceeded(
                f"the recording took longer than {self._ears.work_s:.0f} s",
                hint="Cut it into pieces, or send it when the server is less busy",
            ) from None
        except SpeechsearchError:
            raise
        except Exception as error:
            logging.exception("the recording %r failed", self._source.name)
            raise SpeechsearchError(
                "the server failed on this recording", hint="Its log has the cause"
            ) from error
        if self._ears.draining():
            raise ServerUnavailable("the server is ending", hint="Send the recording again")
        return outcome
