"""The Python client: what ``speechsearch listen`` and ``query`` do, for a program.

```python
import asyncio

from speechsearch import Answer, Client


async def main() -> None:
    async with Client() as client:
        async for event in client.listen():
            match event:
                case Answer(text=text, hits=[best, *_]):
                    print(f"{text!r}: {best.title}")


asyncio.run(main())
```
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from speechsearch.audio.capture import Microphone
from speechsearch.audio.held import HeldSource
from speechsearch.audio.source import Source
from speechsearch.client.connection import Connection
from speechsearch.client.events import Answer, Connected, Disconnected, Event, Failure, event_of
from speechsearch.client.session import Setup, server_for
from speechsearch.client.voice import Voice
from speechsearch.client.voices import live_voice, player_of, recorded_voice
from speechsearch.config import Settings, load_settings
from speechsearch.errors import ConfigError, OutOfOrder, ServerUnavailable, SpeechsearchError
from speechsearch.types import Hit
from speechsearch.wire import messages as m

LEAVE_S = 1.0
"""A loop that was left with ``break`` closes its source soon after: the next one waits so long"""
PATIENCE_S = 30.0
"""So long a recording, or a typed query, waits for a server that went away"""


class Client:
    """Sound or typed words in, typed events out; use it with ``async with``.

    ``server`` is an address like ``ws://127.0.0.1:8765``. Without one a server that runs at the
    settings' address is used, or one of its own is started, which ends with the client; ``index``
    and ``model`` are for that one. Raises ServerUnavailable where nobody answers, ConfigError for
    settings that do not fit.

    One source at a time; a program with several runs several clients. PortAudio is started anew
    when a microphone has vanished: streams that the program opened with sounddevice itself would
    end then.
    """

    def __init__(
        self,
        server: str = "",
        *,
        token: str | None = None,
        index: str | Path = "",
        model: str = "",
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or load_settings()
        self._token = self._settings.server.token if token is None else token
        asked = {"--index": str(Path(index).absolute()) if index else "", "--model": model}
        if server and (index or model):
            raise ConfigError(
                "index and model are the server's own choice",
                hint="Give them to the speechsearch serve that runs there, or leave server out",
            )
        given = tuple(word for name, value in asked.items() if value for word in (name, value))
        self._setup = Setup(self._settings, server, given)
        self._url = ""
        self._all = AsyncExitStack()
        self._session = AsyncExitStack()
        self._connection: Connection | None = None
        self._source_number = 0
        self._held: HeldSource | None = None
        self._free = asyncio.Event()
        self._free.set()
        self._begun: WeakSet[AsyncGenerator[Event, None]] = WeakSet()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._url = await stack.enter_async_context(
                server_for(self._setup, share=True, say=lambda _: None)
            )
            stack.push_async_callback(self._end_session)
            begun = await (await self._connect()).begun()
            if begun.state == "lost":
                raise ServerUnavailable(
                    begun.message, hint="Is the server running there? speechsearch doctor"
                )
            self._all = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye, and end the server where it was one's own."""
        for events in tuple(self._begun):
            with contextlib.suppress(RuntimeError):  # another task waits in it, or closes it
                await events.aclose()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._free.wait()
        await self._all.aclose()

    def listen(
        self, device: str | None = None, *, hold: bool = False
    ) -> AsyncGenerator[Event, None]:
        """What happens at a microphone: the default one, or one named by a part of its name.

        With ``hold`` only what is said between ``press`` and ``release`` is heard. Raises
        DeviceError where there is no such microphone.
        """
        return self._begin(lambda: Microphone(device), live=True, hold=hold)

    def hear(
        self,
        sound: str | Path | npt.NDArray[Any] | Source,
        rate_hz: int | None = None,
        *,
        speed: float = 0.0,
    ) -> AsyncGenerator[Event, None]:
        """What happens while a recording is played ``speed`` times as fast as real time.

        ``sound`` is a file, float samples in -1..1 ([n] or [n, channels]) at ``rate_hz``, or
        anything that is a ``Source``. 0 plays as fast as the server keeps up. Raises AudioError,
        and ServerUnavailable where the server stays away for ``PATIENCE_S``.
        """
        if not isinstance(sound, str | Path | np.ndarray):
            return self._begin(lambda: sound, live=True)
        if isinstance(sound, np.ndarray) and rate_hz is None:
            raise ConfigError("samples need their rate", hint="hear(samples, rate_hz=48000)")
        return self._begin(
            lambda: player_of(sound, rate_hz or 0, self._settings, speed), live=False
        )

    async def answers(
        self, sound: str | Path | npt.NDArray[Any] | Source, rate_hz: int | None = None
    ) -> tuple[Answer, ...]:
        """The answers to a recording, in order, without those that a later one replaced.

        Raises what ``hear`` raises, and SpeechsearchError where an utterance failed.
        """
        found: dict[int, Answer] = {}
        async with contextlib.aclosing(self.hear(sound, rate_hz)) as events:
            async for event in events:
                if isinstance(event, Failure):
                    raise SpeechsearchError(event.message, hint=event.hint)
                if isinstance(event, Answer):
                    found.pop(event.continues or 0, None)
                    found[event.utterance] = event
        return tuple(found.values())

    def press(self) -> None:
        """Begin to talk, where ``listen`` holds."""
        self._holding().press()

    def release(self) -> None:
        """End what is being said, where ``listen`` holds; its answer follows at once."""
        self._holding().release()

    async def search(self, query: str, limit: int = 10) -> tuple[Hit, ...]:
        """The hits of a typed query, best first; also while a source is heard."""
        if len(query) > m.MAX_QUERY_LETTERS or not 1 <= limit <= m.MAX_HITS:
            raise ConfigError(
                f"a query has at most {m.MAX_QUERY_LETTERS} letters, and 1 to {m.MAX_HITS} hits"
            )
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._search(query, limit)
        except TimeoutError:
            raise ServerUnavailable(f"no answer to {query!r} within {PATIENCE_S:.0f} s") from None

    async def opened(self, answer: Answer, hit: Hit) -> None:
        """Tell the server that the person chose this hit: it is what was asked for.

        Raises OutOfOrder where another source has begun since.
        """
        self._tell(answer, "click", hit.id)

    async def gave_up(self, answer: Answer, *, typed: bool = False) -> None:
        """Tell the server that the person wants none of these hits; ``typed``: they type instead.

        Raises OutOfOrder where another source has begun since.
        """
        self._tell(answer, "typed" if typed else "abandon")

    def _tell(
        self, answer: Answer, action: Literal["click", "typed", "abandon"], hit: str = ""
    ) -> None:
        if answer.source_number != self._source_number:
            raise OutOfOrder(
                "the session of this answer is over", hint="Tell before the next source begins"
            )
        self._connected().say(m.Feedback(utterance=answer.utterance, action=action, hit=hit))

    async def _search(self, query: str, limit: int) -> tuple[Hit, ...]:
        """Ask again in the next session where this one ends before the answer."""
        while True:
            connection = self._connected()
            try:
                return (await connection.search(query, limit)).hits
            except ServerUnavailable:
                if connection is self._connection:
                    raise

    def _begin(
        self, make: Callable[[], Source], *, live: bool, hold: bool = False
    ) -> AsyncGenerator[Event, None]:
        events = self._follow(make, live=live, hold=hold)
        self._begun.add(events)
        return events

    async def _follow(
        self, make: Callable[[], Source], *, live: bool, hold: bool = False
    ) -> AsyncGenerator[Event, None]:
        self._connected()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._free.wait()
        except TimeoutError:
            raise OutOfOrder(
                "a source is heard already", hint="End that loop first, or use two clients"
            ) from None
        self._free.clear()
        try:
            source = await asyncio.to_thread(make)
            if hold:
                source = self._held = HeldSource(source)
            connection = await self._connect()
            self._source_number += 1
            voice = (
                live_voice(source, connection, self._settings, hold=hold)
                if live
                else recorded_voice(source, connection, self._settings)
            )
            async with contextlib.aclosing(self._events(voice)) as events:
                async for event in events:
                    yield event
        finally:
            self._held = None
            self._free.set()

    async def _events(self, voice: Voice) -> AsyncGenerator[Event, None]:
        loop = asyncio.get_running_loop()
        seen_s = loop.time()
        async with contextlib.aclosing(voice.heard()) as happenings:
            async for happening in happenings:
                event = event_of(happening, self._source_number)
                if isinstance(event, Connected):
                    seen_s = float("inf")
                elif isinstance(event, Disconnected):
                    seen_s = min(seen_s, loop.time())
                    if not voice.live and loop.time() - seen_s > PATIENCE_S:
                        raise ServerUnavailable(event.reason, hint="Start it again, then hear anew")
                if event is not None:
                    yield event

    async def _connect(self) -> Connection:
        """A session of its own, in the place of the one before."""
        before, self._session = self._session, AsyncExitStack()
        connection = Connection(self._url, self._token)
        await self._session.enter_async_context(connection.running())
        self._connection = connection
        await before.aclose()
        return connection

    async def _end_session(self) -> None:
        self._connection = None
        await self._session.aclose()

    def _connected(self) -> Connection:
        if self._connection is None:
            raise OutOfOrder("the client is not open", hint="async with Client() as client: ...")
        return self._connection

    def _holding(self) -> HeldSource:
        if self._held is None:
            raise OutOfOrder("nothing is held", hint="listen(hold=True) first")
        return self._held
