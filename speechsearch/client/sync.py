"""The client without ``async``: the same one, in a thread of its own.

```python
from speechsearch import SyncClient

with SyncClient() as client:
    for answer in client.answers("audio_fixtures/q03-dracula.flac"):
        print(answer.text, answer.hits[0].title, answer.timings_ms["end_of_speech_to_results"])
    print(client.search("moby dick", limit=1)[0].title)
```
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy.typing as npt

from speechsearch.audio.source import Source
from speechsearch.client.client import Client
from speechsearch.client.events import Answer, Event
from speechsearch.config import Settings
from speechsearch.errors import OutOfOrder
from speechsearch.types import Hit

Result = TypeVar("Result")


class SyncClient:
    """``Client`` for programs without an event loop; use it with ``with``.

    Takes what ``Client`` takes, and raises what it raises. A loop over ``listen`` or ``hear`` may
    be left at any time. Methods may be called from other threads, e.g. ``press`` from a button's.
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
        self._client = Client(server, token=token, index=index, model=model, settings=settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._steps: set[_Steps] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="speechsearch", daemon=True
        )
        self._thread.start()
        try:
            self._call(self._client.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye, and end the server where it was one's own."""
        try:
            for steps in tuple(self._steps):
                self._steps.discard(steps)
                self._call(steps.close())
            self._call(self._client.close())
        finally:
            self._stop()

    def listen(self, device: str | None = None, *, hold: bool = False) -> Iterator[Event]:
        """What happens at a microphone, as ``Client.listen``."""
        return self._iterate(self._client.listen(device, hold=hold))

    def hear(
        self,
        sound: str | Path | npt.NDArray[Any] | Source,
        rate_hz: int | None = None,
        *,
        speed: float = 0.0,
    ) -> Iterator[Event]:
        """What happens while a recording is played, as ``Client.hear``."""
        return self._iterate(self._client.hear(sound, rate_hz, speed=speed))

    def answers(
        self, sound: str | Path | npt.NDArray[Any] | Source, rate_hz: int | None = None
    ) -> tuple[Answer, ...]:
        """The answers to a recording, in order, as ``Client.answers``."""
        return self._call(self._client.answers(sound, rate_hz))

    def press(self) -> None:
        """Begin to talk, where ``listen`` holds."""
        self._client.press()

    def release(self) -> None:
        """End what is being said, where ``listen`` holds."""
        self._client.release()

    def search(self, query: str, limit: int = 10) -> tuple[Hit, ...]:
        """The hits of a typed query, best first."""
        return self._call(self._client.search(query, limit))

    def opened(self, answer: Answer, hit: Hit) -> None:
        """Tell the server that the person chose this hit."""
        self._call(self._client.opened(answer, hit))

    def gave_up(self, answer: Answer, *, typed: bool = False) -> None:
        """Tell the server that no hit is wanted; ``typed``: the person types instead."""
        self._call(self._client.gave_up(answer, typed=typed))

    def _iterate(self, events: AsyncGenerator[Event, None]) -> Iterator[Event]:
        steps = _Steps(events)
        self._steps.add(steps)
        try:
            while steps in self._steps:
                event = self._call(steps.next())
                if event is None:
                    return
                yield event
        except CancelledError:  # closed by another thread
            return
        finally:
            if steps in self._steps:
                self._steps.discard(steps)
                self._call(steps.close())

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._loop is None:
            work.close()
            raise OutOfOrder("the client is not open", hint="with SyncClient() as client: ...")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Steps:
    """An asynchronous generator, a step at a time, that can be closed in the middle of one."""

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self._step: asyncio.Task[Event | None] | None = None

    async def next(self) -> Event | None:
        self._step = asyncio.ensure_future(anext(self._events, None))
        return await self._step

    async def close(self) -> None:
        if self._step and not self._step.done():
            self._step.cancel()
            await asyncio.gather(self._step, return_exceptions=True)
        await self._events.aclose()
