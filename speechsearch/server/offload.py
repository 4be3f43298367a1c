"""Blocking work of one owner, a piece at a time in a thread, and never two pieces at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Offload:
    """Runs calls in a thread; after ``settled`` none touches what its owner is about to close."""

    def __init__(self) -> None:
        self._running: asyncio.Task[Any] | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """The outcome of a call; who is cancelled meanwhile leaves it running until ``settled``."""
        running = asyncio.ensure_future(asyncio.to_thread(call))
        self._running = running
        return await asyncio.shield(running)

    async def settled(self) -> None:
        """Return when no call runs any more."""
        if self._running:
            await asyncio.gather(self._running, return_exceptions=True)
