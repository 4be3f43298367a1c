"""The microphone, at the device's own rate, resampled to 16 kHz; it comes back by itself.

What to do when is the supervisor's; here it is done. Samples stay one time line: a break is filled
with silence up to ``MAX_FILL_S``, longer ones are cut to that and said.
"""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from speechsearch.audio import portaudio, sound_server
from speechsearch.audio.devices import Device, find_device, input_devices
from speechsearch.audio.hearing import Finished, Hearing, Sound
from speechsearch.audio.source import Block, SourceNotice
from speechsearch.audio.supervisor import Action, CaptureSupervisor, Close, Look, Open
from speechsearch.clock import Clock, asleep_s, monotonic_s
from speechsearch.errors import DeviceError
from speechsearch.types import SAMPLE_RATE_HZ

TICK_S = 0.25
QUEUE_BLOCKS = 500
"""Ten seconds: a client that stalls longer loses sound, and counts it."""
MAX_FILL_S = 2.0
"""More silence than any endpoint and any second thought of the speaker needs"""


@dataclass(frozen=True, slots=True)
class _Changed:
    """The sound server says that its devices may have changed."""


_Item = Sound | Finished | _Changed


class Microphone:
    """Sound of an input device, or of whatever is the default; raises DeviceError without any."""

    def __init__(
        self, device: str | None = None, clock: Clock = monotonic_s, asleep: Clock = asleep_s
    ) -> None:
        self.overruns = 0
        self.missed_s = 0.0
        """Sound that never arrived, in all"""
        self._clock, self._asleep = clock, asleep
        first = find_device(device)
        if device is not None and device == str(first.number):
            device = first.source or first.name  # numbers change when devices come and go
        self._supervisor = CaptureSupervisor(device)
        self._todo: deque[Action] = deque([Look(anew=False)])
        self._items: asyncio.Queue[_Item] = asyncio.Queue(QUEUE_BLOCKS)
        self._hearing: Hearing | None = None
        self._names: list[tuple[int, str]] = [(0, first.name)]
        self._position = 0
        self._heard_s: float | None = None  # end of the last sound of any device

    @property
    def name(self) -> str:
        """The device that is heard now, or was last."""
        return self._names[-1][1]

    def name_at(self, sample: int) -> str:
        """The device that was heard at a position."""
        starts = [start for start, _ in self._names]
        return self._names[max(0, bisect_right(starts, sample) - 1)][1]

    async def blocks(self) -> AsyncGenerator[Block | SourceNotice, None]:
        """Blocks of about 20 ms, and what happens to the device, until the caller stops asking."""
        async with self._watched():
            while True:
                for out in await self._act():
                    if self._count(out):
                        yield out
                for out in self._take(await self._next()):
                    if self._count(out):
                        yield out

    async def _act(self) -> list[Block | SourceNotice]:
        """Do all that the supervisor wants."""
        brought: list[Block | SourceNotice] = []
        while self._todo:
            match self._todo.popleft():
                case SourceNotice() as notice:
                    brought.append(notice)
                case Close():
                    brought += await self._close()
                case Open(device):
                    self._then(await self._open(device))
                case Look(anew):
                    devices = await asyncio.to_thread(_look, anew)
                    self._then(self._supervisor.saw(devices, self._clock()))
        return brought

    async def _next(self) -> _Item | None:
        """What comes next; None after a while without anything."""
        try:
            async with asyncio.timeout(TICK_S):
                return await self._items.get()
        except TimeoutError:
            return None

    def _take(self, item: _Item | None) -> Iterator[Block | SourceNotice]:
        match item:
            case Sound() if self._hearing:
                yield from self._hear(item, self._hearing)
            case Finished():
                self._then(self._supervisor.finished(self._clock()))
            case _Changed():
                self._then(self._supervisor.changed())
        self._then(self._supervisor.passed(self._clock(), self._asleep()))

    def _hear(self, sound: Sound, hearing: Hearing) -> Iterator[Block | SourceNotice]:
        if sound.overran:
            self._overrun()
        if hearing.begun:
            self._supervisor.heard(self._clock())
        else:
            yield from self._begin(sound, hearing)
        self._heard_s = sound.heard_at_s
        yield hearing.block(sound)
        missed_s = hearing.missed_s(sound)
        if missed_s:
            self.missed_s += missed_s
            self._then(self._supervisor.missed(missed_s))

    def _begin(self, sound: Sound, hearing: Hearing) -> Iterator[Block | SourceNotice]:
        """The first sound of a stream: what it follows on, and silence for what was not heard."""
        hearing.begun = True
        began_s = sound.heard_at_s - hearing.length_s(sound)
        break_s = 0.0 if self._heard_s is None else max(0.0, began_s - self._heard_s)
        self.missed_s += break_s
        for notice in self._supervisor.heard(self._clock(), break_s):
            if isinstance(notice, SourceNotice):
                yield notice
        if hearing.device.name != self.name:
            self._names.append((self._position, hearing.device.name))
        silence = np.zeros(round(min(break_s, MAX_FILL_S) * SAMPLE_RATE_HZ), np.float32)
        yield Block(silence, began_s)

    def _then(self, actions: Sequence[Action]) -> None:
        self._todo.extend(actions)

    def _count(self, out: Block | SourceNotice) -> bool:
        """Keep the position; whether there is anything in it."""
        samples = len(out.samples) if isinstance(out, Block) else 0
        self._position += samples
        return samples > 0 or isinstance(out, SourceNotice)

    def _overrun(self) -> None:
        self.overruns += 1
        self._then(self._supervisor.overran(self._clock()))

    def _put(self, hearing: Hearing, item: Sound | Finished) -> None:
        if hearing.closed:
            return
        try:
            self._items.put_nowait(item)
        except asyncio.QueueFull:
            self._overrun()

    async def _open(self, device: Device) -> list[Action]:
        """Open in a thread: it may take a while, and what is opened must not be forgotten."""
        hearing = Hearing(device, self._put, self._clock)
        opening = asyncio.ensure_future(asyncio.to_thread(hearing.open))
        try:
            await asyncio.shield(opening)
        except DeviceError as error:
            return self._supervisor.failed(str(error), self._clock())
        except asyncio.CancelledError:
            opening.add_done_callback(lambda _: hearing.close())
            raise
        self._hearing = hearing
        return self._supervisor.opened(self._clock())

    async def _close(self) -> list[Block | SourceNotice]:
        """End the stream; what it had heard by then still comes."""
        hearing, self._hearing = self._hearing, None
        if hearing is None:
            return []
        await asyncio.to_thread(hearing.close)
        await asyncio.sleep(0)  # what its thread has posted arrives
        hearing.closed = True
        items = [self._items.get_nowait() for _ in range(self._items.qsize())]
        if any(isinstance(item, _Changed) for item in items):
            self._items.put_nowait(_Changed())
        sounds = [item for item in items if isinstance(item, Sound)]
        blocks: list[Block | SourceNotice] = [hearing.block(sound) for sound in sounds]
        if sounds:
            self._heard_s = sounds[-1].heard_at_s
        return blocks if self._heard_s is None else [*blocks, hearing.rest(self._heard_s)]

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Follow the sound server while the block runs; close the stream at its end."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            if self._hearing:
                self._hearing.close()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        async with contextlib.aclosing(sound_server.settled_changes()) as changes:
            async for _ in changes:
                with contextlib.suppress(asyncio.QueueFull):
                    self._items.put_nowait(_Changed())


def _look(anew: bool) -> list[Device]:
    if anew:
        portaudio.start_anew()
    try:
        return input_devices()
    except DeviceError:
        return []
