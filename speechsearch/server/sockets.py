"""The websocket endpoint: a thin shell around ``ServerSession``."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from speechsearch.clock import monotonic_s
from speechsearch.config import ServerOptions
from speechsearch.errors import (
    OutOfOrder,
    Overloaded,
    SessionLimit,
    SpeechsearchError,
    Unauthorized,
    WireError,
)
from speechsearch.monitoring import seen
from speechsearch.monitoring.metrics import Metrics
from speechsearch.monitoring.watch import Unwatched, Watching
from speechsearch.server.answers import Answers
from speechsearch.server.automated import Automated, Automations
from speechsearch.server.conversation import Conversation, Say
from speechsearch.server.handling import Handler
from speechsearch.server.listening import Listening
from speechsearch.server.observing import reheard
from speechsearch.server.replies import error_message
from speechsearch.server.sessions import Held, Sessions
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.codec import decode_client, encode_message
from speechsearch.wire.events import Event, Left
from speechsearch.wire.server_session import ServerFacts, check_hello
from speechsearch.wire.stream import SameEars, Stream

if TYPE_CHECKING:
    from speechsearch.server.seats import Seat

HELLO_TIMEOUT_S = 5.0
HANG_UP_TIMEOUT_S = 2.0
MAX_ERRORS = 50
"""A connection that breaks the protocol this often is closed."""


class Sockets:
    """Everything the websocket route needs; ``serve`` runs one connection."""

    def __init__(
        self,
        answers: Answers,
        metrics: Metrics,
        options: ServerOptions,
        segmenter: Callable[[], Segmenter],
        watch: Watching | None = None,
    ) -> None:
        self._watch = watch or Unwatched()
        self._reports = watch is not None
        self._answers = answers
        self._metrics = metrics
        self._options = options
        self._segmenter = segmenter
        self._sessions = Sessions(
            self._furnish, options.resume_window_s, 4 * options.max_connections
        )
        self._handler = Handler(answers, metrics, self._watch)
        self._connections: set[WebSocket] = set()
        self._speakers: dict[WebSocket, float] = {}
        self._draining = False
        self.seat: Callable[[str], Seat] | None = None
        """Gives a session its seat, where versions are rolled out"""
        self.automations: Automations | None = None
        """What may be done with answers, where clients leave that to the server"""

    async def serve(self, socket: WebSocket) -> None:
        """One connection from accept to close."""
        await socket.accept(subprotocol=_subprotocol(socket))
        self._connections.add(socket)
        self._metrics.connections.set(len(self._connections))
        try:
            held = await self._greet(socket)
            await self._listen(socket, held)
        except SpeechsearchError as error:
            await self._close(socket, error)
        except (WebSocketDisconnect, OSError):
            pass
        finally:
            self._connections.discard(socket)
            self._speakers.pop(socket, None)
            self._metrics.connections.set(len(self._connections))

    def _furnish(self, held: Held, hello: m.Hello) -> None:
        """Give a new session what it holds: its turns, and where it asks for it, our own ears."""
        say: Say = held.send
        held.seat = self.seat(held.session.id) if self.seat else None
        if hello.automation and self.automations:
            held.automated = Automated(self.automations)
        if hello.vad == "server":
            turns = self._answers.pipeline.options.turns
            ears = held.seat or SameEars(self._segmenter, turns.complete_ms)
            stream = Stream(held.session, ears)
            held.listening = Listening(stream, partial(self._handler.act, held), held.settle)
            say = held.listening.saying(held.send)
        held.conversation = Conversation(
            self._answers, self._metrics, say, hello=hello, seat=held.seat
        )
        held.conversation.rehearings.over = lambda number, rehearing: self._watch.put(
            reheard(held.session.id, number, rehearing)
        )

    async def drain(self) -> None:
        """Take no new connections, let utterances in flight get their answer, then close."""
        self._draining = True
        try:
            async with asyncio.timeout(self._options.drain_s):
                await self._sessions.idle()
        except TimeoutError:
            pass
        await asyncio.gather(*(_hang_up(socket, 1012) for socket in list(self._connections)))

    @property
    def draining(self) -> bool:
        """Whether the server is about to end."""
        return self._draining

    async def _greet(self, socket: WebSocket) -> Held:
        """Read ``hello``, check it, answer ``ready``."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                text = await socket.receive_text()
        except TimeoutError:
            raise OutOfOrder(f"no hello within {HELLO_TIMEOUT_S:.0f} s") from None
        except KeyError:
            raise OutOfOrder("sound came before hello", hint="Send hello first") from None
        self._check_room()
        hello = decode_client(text, m.Limits())
        if not isinstance(hello, m.Hello):
            raise OutOfOrder(f"{type(hello).__name__} came before hello", hint="Send hello first")
        check_hello(hello)
        if not hmac.compare_digest(hello.token.encode(), self._options.token.encode()):
            raise Unauthorized("the token is wrong", hint="Give the server's token: server.token")
        held, resumed = self._sessions.take(hello)
        facts = ServerFacts(
            self._answers.pipeline.model.info.label,
            len(self._answers.pipeline.finder().ranker.index),
            self._reports,
            held.automated.degree if held.automated else "",
        )
        if resumed:
            self._watch.put(seen.Resumed(held.session.id))
        held.send_text = socket.send_text
        self._speakers[socket] = monotonic_s()
        greeter = held.listening.stream if held.listening else held.session
        for message in greeter.greet(hello, facts, resumed):
            await held.send(message)
        return held

    def _check_room(self) -> None:
        """Raise Overloaded where one more would be too many, or too slow for those who speak."""
        now_s, reason = monotonic_s(), ""
        if self._draining:
            reason = "the server is ending"
        elif len(self._connections) > self._options.max_connections:
            reason = "too many connections"
        elif not self._answers.admission.admits([now_s - s for s in self._speakers.values()]):
            reason = "the server is busy with those who speak already"
        if reason:
            raise Overloaded(reason, hint="Connect again in a moment")

    async def _listen(self, socket: WebSocket, held: Held) -> None:
        """Hand every frame to the session until the client leaves."""
        errors = 0
        send_text = held.send_text
        try:
            while held.send_text is send_text:
                try:
                    frame = await socket.receive()
                    if frame["type"] == "websocket.disconnect":
                        raise WebSocketDisconnect(frame.get("code", 1006))
                    if held.listening:
                        await held.listening.room(frame)
                    if held.send_text is not send_text:
                        return  # the client is back on another socket and sends this again
                    if await self._receive(held, frame):
                        await self._leave(socket, held)
                        return
                except (WireError, Overloaded) as error:
                    errors += 1
                    if isinstance(error, SessionLimit):
                        self._sessions.drop(held)
                    if error.fatal or errors > MAX_ERRORS:
                        raise
                    self._handler.refuse(error.code)
                    await held.send(error_message(error))
        finally:
            if send_text is not None:
                self._sessions.detach(held, send_text)

    async def _receive(self, held: Held, frame: Message) -> bool:
        """Do what a websocket frame asks for; whether the client leaves with it."""
        sound = frame.get("bytes")
        receiver = held.listening.stream if held.listening else held.session

        def step() -> list[Event]:
            if sound is None:
                return receiver.receive_text(frame["text"])
            events = receiver.receive_audio(sound)
            held.conversation.hear(held.session)
            return events

        if held.listening:
            return Left() in await held.listening.take(step)
        events = step()
        for event in events:
            await self._handler.act(held, event)
        return Left() in events

    async def _leave(self, socket: WebSocket, held: Held) -> None:
        """Bye: what is in flight is answered first."""
        await held.idle()
        self._sessions.drop(held)
        self._watch.put(seen.Gone(held.session.id))
        await _hang_up(socket, 1000)

    async def _close(self, socket: WebSocket, error: SpeechsearchError) -> None:
        self._handler.refuse(error.code)
        try:
            await socket.send_text(encode_message(error_message(error, fatal=True)))
        except (RuntimeError, OSError, WebSocketDisconnect):
            return
        await _hang_up(socket, 1013 if isinstance(error, Overloaded) else 1008)


def _subprotocol(socket: WebSocket) -> str | None:
    return m.PROTOCOL if m.PROTOCOL in socket.scope.get("subprotocols", ()) else None


async def _hang_up(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
        async with asyncio.timeout(HANG_UP_TIMEOUT_S):
            await socket.close(code)
