"""The websocket endpoint: a thin shell around ``ServerSession``."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
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
from speechsearch.monitoring.seen import Turn
from speechsearch.monitoring.watch import Unwatched, Watching
from speechsearch.pipeline import Answered
from speechsearch.server.answers import Answers
from speechsearch.server.automated import Automated, Automations
from speechsearch.server.conversation import Conversation, Say
from speechsearch.server.listening import Listening
from speechsearch.server.observing import dated, heard, reheard, turn_of
from speechsearch.server.rehearing import Rehearing
from speechsearch.server.replies import answer_message, error_message
from speechsearch.server.sessions import Held, Sessions
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.codec import decode_client, encode_message
from speechsearch.wire.events import (
    Asked,
    Event,
    Left,
    Paused,
    Reply,
    Resumed,
    UtteranceEnded,
    Withdrawn,
)
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
        self._tasks: set[asyncio.Task[None]] = set()
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
            held.listening = Listening(stream, partial(self._act, held), held.settle)
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
                    self._refuse(error.code)
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
            await self._act(held, event)
        return Left() in events

    async def _act(self, held: Held, event: Event) -> None:
        match event:
            case Reply(message):
                await held.send(message)
            case Paused():
                _pause(held, event)
            case Resumed():
                held.pauses += 1
                held.conversation.resume(event)
            case Withdrawn():
                held.conversation.withdraw()
            case UtteranceEnded():
                answering, turn = held.conversation.end(event), turn_of(held, event)
                held.pauses = 0
                self._spawn(self._answer(held, event, answering, turn))
            case Asked(m.Search() as query):
                self._spawn(self._search(held, query))
            case Asked(m.Feedback() as feedback):
                self._told(held, feedback)
            case Asked(m.Report() as report):
                self._watch.put(seen.Reported(held.session.id, report))

    def _told(self, held: Held, feedback: m.Feedback) -> None:
        if held.automated:
            held.automated.told(feedback)
        if feedback.action == "offered":
            return
        self._metrics.told(feedback.action)
        if feedback.action == "click":
            held.conversation.act(feedback.utterance)
        if held.seat:
            held.seat.told(feedback)
        number, action = feedback.utterance, feedback.action
        self._watch.put(seen.Acted(held.session.id, number, action, feedback.hit))

    async def _answer(
        self, held: Held, ended: UtteranceEnded, answering: asyncio.Task[Answered], turn: Turn
    ) -> None:
        number, wait_ms = ended.utterance.number, 0.0
        answer: m.Final | m.Nothing | m.Error
        answered: Answered | None = None
        rehearing: Rehearing | None = None
        try:
            answered = await answering
            result, rehearing = await held.conversation.rehearings.settle(answered)
            wait_ms = (monotonic_s() - turn.ended_s) * 1000
            arm = held.seat.arm_of(answered).value if held.seat else m.CHAMPION
            turn = replace(turn, arm=arm)
            answer = answer_message(result, ended, wait_ms, revising=bool(rehearing), arm=arm)
            if held.automated and isinstance(answer, m.Final):
                answer = held.automated.answered(answer)
            self._metrics.stage("wait", wait_ms)
            self._metrics.answered(answered.utterance, result)
        except SpeechsearchError as error:
            self._refuse(error.code, held, number, turn)
            answer = error_message(error, number)
        except Exception:
            logging.exception("utterance %d of session %s failed", number, held.session.id)
            self._refuse(SpeechsearchError.code, held, number, turn)
            failed = SpeechsearchError(
                "the server failed on this utterance", hint="Say it again; its log has the cause"
            )
            answer = error_message(failed, number)
        held.session.answered(answer, number)
        await held.send(answer)
        if held.seat:
            held.seat.answered(ended, answered)
        if held.listening:
            await held.listening.take(held.listening.stream.go_on)
        held.settle()
        if answered:
            self._watch.put(heard(held, ended, answered, wait_ms, turn))
        if rehearing:
            revisions = held.conversation.rehearings
            revised = await revisions.revised(rehearing, ended, turn.ended_s)
            if revised:
                held.session.revised(revised)
                await held.send(revised)

    def _refuse(
        self, code: str, held: Held | None = None, utterance: int = 0, turn: Turn | None = None
    ) -> None:
        self._metrics.refused(code)
        session = held.session.id if held else ""
        self._watch.put(seen.Failed(code, session, utterance, turn and dated(turn)))

    async def _search(self, held: Held, query: m.Search) -> None:
        hits, timings_ms = await self._answers.search(query.query, query.limit)
        await held.send(
            m.Results(id=query.id, query=query.query, hits=tuple(hits), timings_ms=timings_ms)
        )
        words, ms = len(query.query.split()), sum(timings_ms.values())
        self._watch.put(seen.Queried(held.session.id, words, len(hits), ms))

    async def _leave(self, socket: WebSocket, held: Held) -> None:
        """Bye: what is in flight is answered first."""
        await held.idle()
        self._sessions.drop(held)
        self._watch.put(seen.Gone(held.session.id))
        await _hang_up(socket, 1000)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, socket: WebSocket, error: SpeechsearchError) -> None:
        self._refuse(error.code)
        try:
            await socket.send_text(encode_message(error_message(error, fatal=True)))
        except (RuntimeError, OSError, WebSocketDisconnect):
            return
        await _hang_up(socket, 1013 if isinstance(error, Overloaded) else 1008)


def _pause(held: Held, event: Paused) -> None:
    held.conversation.pause(event)
    if held.seat:
        held.seat.paused(event)


def _subprotocol(socket: WebSocket) -> str | None:
    return m.PROTOCOL if m.PROTOCOL in socket.scope.get("subprotocols", ()) else None


async def _hang_up(socket: WebSocket, code: int) -> None:
    with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
        async with asyncio.timeout(HANG_UP_TIMEOUT_S):
            await socket.close(code)
