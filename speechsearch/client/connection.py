"""The socket of the client: connects, comes back with backoff, loses nothing that was spoken."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from speechsearch.client.questions import Questions
from speechsearch.config import LOOPBACK
from speechsearch.errors import MalformedMessage, ServerUnavailable
from speechsearch.types import Chunk
from speechsearch.vad import endpointer as vad
from speechsearch.wire import messages as m
from speechsearch.wire.client_session import ClientSession
from speechsearch.wire.codec import encode_message
from speechsearch.wire.cuts import cut_message

_SUBPROTOCOL = Subprotocol(m.PROTOCOL)
GREETING_TIMEOUT_S = 10.0
FIRST_RETRY_S = 0.25
LAST_RETRY_S = 5.0
STABLE_S = 10.0
"""A connection that held this long was a good one: backoff begins anew."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What became of the connection, in words for the person."""

    state: Literal["connected", "resumed", "lost"]
    message: str
    retry_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An utterance that waited too long for a server and is forgotten."""

    utterance: int


ConnectionEvent = m.ServerMessage | ConnectionState | GivenUp


class Connection:
    """Hand it what the segmenter says; it hands back what the server says, in order."""

    def __init__(
        self, url: str, token: str = "", *, retry: bool = True, partials: bool = True
    ) -> None:
        self.url = url
        self.bytes_sent = 0
        self._session = ClientSession(token, partials=partials)
        self._retry = retry
        self._socket: ClientConnection | None = None
        self._utterance = 0
        self._outgoing: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._over = False
        self._events: asyncio.Queue[ConnectionEvent | None] = asyncio.Queue()
        self._questions = Questions()

    @property
    def awaiting(self) -> tuple[int, ...]:
        """Utterances started and not answered yet."""
        return self._session.awaiting

    @property
    def utterance(self) -> int:
        """Number of the newest utterance."""
        return self._utterance

    def submit(self, event: vad.Event | Chunk) -> None:
        """Say what the segmenter said; goes out at once, or as soon as there is a connection."""
        frame: str | bytes
        match event:
            case vad.SpeechStart(start_sample, onset_sample):
                self._utterance, frame = self._session.start(start_sample, onset_sample)
                given_up = self._session.give_up_oldest()
                if given_up is not None:
                    self._events.put_nowait(GivenUp(given_up))
            case Chunk():
                frame = self._session.audio(self._utterance, event)
            case _:
                message = cut_message(event, self._utterance)
                if isinstance(message, m.SpeechEnd):
                    frame = self._session.end(message)
                else:
                    frame = encode_message(message)
        self._send(frame)

    async def begun(self) -> ConnectionState:
        """What became of the first attempt to connect; call it before ``events``."""
        while not isinstance(event := await self._events.get(), ConnectionState):
            pass
        return event

    async def ready(self) -> None:
        """Return once the server has greeted, or will not."""
        await self._until(lambda: self._socket is not None)

    async def room(self) -> None:
        """Return once another utterance may start; for sources that can wait."""
        await self._until(lambda: len(self.awaiting) < self._session.limits.max_unanswered // 2)

    async def settled(self) -> None:
        """Return once every utterance has its answer or is given up."""
        await self._until(lambda: not self.awaiting)

    async def _until(self, happened: Callable[[], bool]) -> None:
        """Look at every change, until it has happened or the connection is given up."""
        while not happened() and not self._over:
            self._changed.clear()
            await self._changed.wait()

    def cancel(self, end_sample: int) -> None:
        """Withdraw the open utterance: no answer is wanted."""
        self._send(
            self._session.end(
                m.SpeechEnd(utterance=self._utterance, end_sample=end_sample, reason="cancel")
            )
        )

    def say(self, message: m.Search | m.Feedback | m.Report | m.Flush) -> None:
        """A typed query or what the person did with an answer; dropped while there is no server."""
        self._send(encode_message(message))

    async def search(self, query: str, limit: int) -> m.Results:
        """The answer to a typed query; asked again where the connection breaks meanwhile."""
        frame, answer = self._questions.ask(query, limit)
        self._send(frame)
        return await answer

    async def events(self) -> AsyncIterator[ConnectionEvent]:
        """Messages of the server and what becomes of the connection, until ``close``."""
        while (event := await self._events.get()) is not None:
            yield event

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Connection]:
        """Stay connected while the block runs; says bye at its end."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            await self._say_bye()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._questions.drop()
            self._events.put_nowait(None)

    async def _run(self) -> None:
        delay_s, loop = FIRST_RETRY_S, asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._converse()
                lost = "the server closed the connection"
            except (OSError, WebSocketException, MalformedMessage, ServerUnavailable) as error:
                lost = _reason(error)
            except Exception as error:
                lost, self._retry = f"{type(error).__name__}: {error}", False
            self._socket = None
            if loop.time() - began_s > STABLE_S:
                delay_s = FIRST_RETRY_S
            self._events.put_nowait(ConnectionState("lost", lost, delay_s))
            if not self._retry:
                self._over = True
                self._changed.set()
                self._events.put_nowait(None)
                return
            await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))  # noqa: S311
            delay_s = min(LAST_RETRY_S, 2 * delay_s)

    async def _converse(self) -> None:
        """One connection from hello to its end."""
        async with connect(
            self.url,
            compression=None,
            subprotocols=[_SUBPROTOCOL],
            max_size=2**22,
            proxy=None if urlsplit(self.url).hostname in LOOPBACK else True,
        ) as socket:
            async with asyncio.timeout(GREETING_TIMEOUT_S):
                await socket.send(self._session.hello())
                first = self._session.receive(str(await socket.recv()))
            if isinstance(first, m.Error):
                raise ServerUnavailable(first.message, hint=first.hint)
            if not isinstance(first, m.Ready):
                raise MalformedMessage(f"the server began with {type(first).__name__}")
            self._outgoing.clear()
            self._outgoing.extend(self._session.welcome(first))
            self._outgoing.extend(self._questions.open)
            self._socket = socket
            self._changed.set()
            self._events.put_nowait(
                ConnectionState("resumed" if first.resumed else "connected", first.model)
            )
            self._events.put_nowait(first)
            pump = asyncio.create_task(self._pump(socket))
            try:
                async for text in socket:
                    message = self._session.receive(str(text))
                    self._questions.receive(message)
                    self._events.put_nowait(message)
                    self._changed.set()
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)

    def _send(self, frame: str | bytes) -> None:
        """Queue a frame; while there is no socket the session alone remembers it."""
        if self._socket is not None:
            self._outgoing.append(frame)
            self._wake.set()

    async def _pump(self, socket: ClientConnection) -> None:
        """Send what is queued, in order."""
        while True:
            while self._outgoing:
                frame = self._outgoing.popleft()
                await socket.send(frame)
                self.bytes_sent += len(frame)
            self._wake.clear()
            await self._wake.wait()

    async def _say_bye(self) -> None:
        if self._socket is not None:
            try:
                async with asyncio.timeout(1):
                    self._send(encode_message(m.Bye()))  # behind what is queued
                    await self._socket.wait_closed()
            except (ConnectionClosed, TimeoutError):
                pass


def _reason(error: Exception) -> str:
    match error:
        case InvalidStatus():
            return f"the server refused the connection (HTTP {error.response.status_code})"
        case ConnectionRefusedError():
            return "nobody listens at the server's address"
        case ConnectionClosed():
            return "the connection to the server broke"
        case _:
            return str(error) or type(error).__name__
