"""Sessions that outlive their sockets: a dropped client finds its own again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from speechsearch.clock import Clock, monotonic_s
from speechsearch.server.conversation import Conversation
from speechsearch.server.listening import Listening
from speechsearch.wire.codec import encode_message
from speechsearch.wire.messages import Hello, Message
from speechsearch.wire.server_session import ServerSession

if TYPE_CHECKING:
    from speechsearch.server.automated import Automated
    from speechsearch.server.seats import Seat

SendText = Callable[[str], Awaitable[None]]
SEND_TIMEOUT_S = 10.0
"""A client that reads nothing for so long is dropped; it may resume."""


@dataclass(slots=True)
class Held:
    """A session, and the socket it has at the moment."""

    session: ServerSession
    conversation: Conversation = field(init=False)
    listening: Listening | None = None
    """Where the server finds the utterances itself"""
    seat: Seat | None = None
    """Where versions are rolled out"""
    automated: Automated | None = None
    """Where the server says what may be done with answers"""
    send_text: SendText | None = None
    detached_s: float = 0.0
    pauses: int = 0
    """In the utterance being spoken, that went on"""
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self) -> None:
        """Call after the session changed: wakes who waits for ``idle``."""
        in_flight = self.session.in_flight or bool(self.listening and self.listening.stream.waits)
        if in_flight and self.send_text:
            self._idle.clear()
        else:
            self._idle.set()

    async def idle(self) -> None:
        """Return once nothing is open or unanswered, or nobody is there to hear it."""
        self.settle()
        await self._idle.wait()

    def over(self) -> None:
        """The client has gone, for now or for good."""
        for one in (self.seat, self.automated):
            if one:
                one.over()

    async def send(self, message: Message) -> None:
        """To the client, if it is there; answers are kept by the session and sent again."""
        send_text = self.send_text
        if send_text is None:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send_text(encode_message(message))
        except (OSError, RuntimeError, TimeoutError, WebSocketDisconnect):
            if self.send_text is send_text:
                self.send_text = None
                self.settle()


class Sessions:
    """All sessions by resume token; those without a socket are forgotten after the window.

    ``furnish`` gives a new one what else it holds, as its ``hello`` asks for.
    """

    def __init__(
        self,
        furnish: Callable[[Held, Hello], None],
        window_s: float,
        max_held: int,
        clock: Clock = monotonic_s,
    ) -> None:
        self._furnish = furnish
        self._window_s = window_s
        self._max_held = max_held
        self._clock = clock
        self._held: dict[str, Held] = {}

    def take(self, hello: Hello) -> tuple[Held, bool]:
        """The session ``hello`` belongs to, and whether it is an earlier one."""
        self._forget_old()
        held = self._held.get(hello.resume.token) if hello.resume else None
        if held and (held.listening is not None) == (hello.vad == "server"):
            return held, True
        held = Held(ServerSession(clock=self._clock))
        self._furnish(held, hello)
        self._held[held.session.resume_token] = held
        return held, False

    def detach(self, held: Held, send_text: SendText) -> None:
        """The socket is gone (unless the session has another one by now)."""
        if held.send_text in (send_text, None):
            held.send_text = None
            held.detached_s = self._clock()
            held.settle()
            held.over()

    def drop(self, held: Held) -> None:
        """The client said bye."""
        self._held.pop(held.session.resume_token, None)
        held.over()

    async def idle(self) -> None:
        """Return once no session has anything in flight."""
        await asyncio.gather(*(held.idle() for held in list(self._held.values())))

    def _forget_old(self) -> None:
        gone = [h for h in self._held.values() if h.send_text is None]
        gone.sort(key=lambda held: held.detached_s)
        spare = len(self._held) - self._max_held
        for place, held in enumerate(gone):
            if place < spare or self._clock() - held.detached_s > self._window_s:
                self.drop(held)
