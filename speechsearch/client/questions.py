"""Typed queries that wait for their answer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

from speechsearch.errors import ServerUnavailable
from speechsearch.wire import messages as m
from speechsearch.wire.codec import encode_message

FIRST_ID = 1 << 31
"""Smaller ones are left to whoever sends ``search`` without waiting"""


class Questions:
    """Remembers each query until its results are there."""

    def __init__(self) -> None:
        self._ids = itertools.count(FIRST_ID)
        self._open: dict[int, tuple[str, asyncio.Future[m.Results]]] = {}

    @property
    def open(self) -> Iterator[str]:
        """The frames of what is not answered yet: to be sent again on a new connection."""
        return (frame for frame, _ in self._open.values())

    def ask(self, query: str, limit: int) -> tuple[str, asyncio.Future[m.Results]]:
        """The frame of a query, and its answer to come; not wanted any more once cancelled."""
        number = next(self._ids)
        answer: asyncio.Future[m.Results] = asyncio.get_running_loop().create_future()
        frame = encode_message(m.Search(id=number, query=query, limit=limit))
        self._open[number] = (frame, answer)
        answer.add_done_callback(lambda _: self._open.pop(number, None))
        return frame, answer

    def receive(self, message: m.ServerMessage) -> None:
        """Hand results to whoever waits for them."""
        if isinstance(message, m.Results) and message.id in self._open:
            _, answer = self._open[message.id]
            if not answer.done():
                answer.set_result(message)

    def drop(self) -> None:
        """No answer will come any more."""
        for _, answer in tuple(self._open.values()):
            if not answer.done():
                answer.set_exception(ServerUnavailable("the client was closed before the answer"))
