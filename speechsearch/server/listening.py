"""The shell around ``Stream``: one session's continuous sound, heard in order and not too fast."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Message

from speechsearch.server.conversation import Say
from speechsearch.types import SAMPLE_RATE_HZ
from speechsearch.wire import messages as m
from speechsearch.wire.events import Event
from speechsearch.wire.stream import Stream

MOST_SPEED = 16
"""Times real time that sound is taken in, at most: detectors hear in the loop of all sessions"""


class Listening:
    """``act`` does what an event asks for, ``settle`` is called after the session changed."""

    def __init__(
        self, stream: Stream, act: Callable[[Event], Awaitable[None]], settle: Callable[[], None]
    ) -> None:
        self.stream = stream
        self._act = act
        self._settle = settle
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self._next_s = 0.0

    async def room(self, frame: Message) -> None:
        """Return once what the frame holds may be heard: the socket is not read meanwhile."""
        sound = frame.get("bytes")
        if sound is None:
            return
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._next_s - now_s))
        self._next_s = max(now_s, self._next_s) + len(sound) / (2 * SAMPLE_RATE_HZ * MOST_SPEED)
        await self._room.wait()

    async def take(self, step: Callable[[], list[Event]]) -> list[Event]:
        """Let the stream take a step and do what follows, before anybody's next step."""
        async with self._turn:
            try:
                events = step()
                for event in events:
                    await self._act(event)
            finally:
                if self.stream.waits:
                    self._room.clear()
                else:
                    self._room.set()
            self._settle()
            return events

    def saying(self, send: Say) -> Say:
        """As ``send``, but how long a pause may last is for the stream, which waits for the words,
        and not for the client.
        """

        async def say(message: m.Message) -> None:
            if not isinstance(message, m.Hangover):
                await send(message)
            elif message.settled:
                await self.take(lambda: self.stream.advise(message.sample, message.hangover_ms))

        return say
