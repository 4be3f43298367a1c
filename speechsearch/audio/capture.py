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
import numpy.typing as npt
import soxr

from speechsearch.audio import portaudio, sound_server
from speechsearch.audio.devices import Device, find_device, input_devices
from speechsearch.audio.gaps import GapFinder
from speechsearch.audio.portaudio import Input, InputStream
from speechsearch.audio.source import Block, SourceNotice
from speechsearch.audio.supervisor import Action, CaptureSupervisor, Close, Look, Open
from speechsearch.clock import Clock, asleep_s, monotonic_s
from speechsearch.errors import DeviceError
from speechsearch.types import SAMPLE_RATE_HZ, Audio

TICK_S = 0.25
SETTLE_S, LOOK_EVERY_S = 0.1, 0.5
"""Changes of devices come in flocks: look once they are over, and not all the time"""
QUEUE_BLOCKS = 500
"""Ten seconds: a client that stalls longer loses sound, and counts it."""
MAX_FILL_S = 2.0
"""More silence than any endpoint and any second thought of the speaker needs"""


@dataclass(frozen=True, slots=True, eq=False)
class _Sound:
    samples: Audio
    heard_at_s: float
    overran: bool


class _Finished: ...


class _Changed: ...


_Item = _Sound | _Finished | _Changed


class Microphone:
    """Sound of an input device, or of whatever is the default; raises DeviceError without any."""

    def __init__(
        self, device: str | None = None, clock: Clock = monotonic_s, asleep: Clock = asleep_s
    ) -> None:
        first = find_device(device)
        self.overruns = 0
        self.missed_s = 0.0
        """Sound that never arrived, in all"""
        self._clock, self._asleep = clock, asleep
        self._supervisor = CaptureSupervisor(device)
        self._names: list[tuple[int, str]] = [(0, first.name)]
        self._position = 0
        self._todo: deque[Action] = deque([Look(anew=False)])
        self._stream: InputStream | None = None
        self._items: asyncio.Queue[_Item] = asyncio.Queue(QUEUE_BLOCKS)
        self._hearing: _Hearing | None = None
        self._last_heard_s: float | None = None

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
                    yield out
                for out in self._take(await self._next()):
                    self._position += len(out.samples) if isinstance(out, Block) else 0
                    yield out

    async def _act(self) -> list[Block | SourceNotice]:
        """Do all that the supervisor wants."""
        said: list[Block | SourceNotice] = []
        while self._todo:
            match self._todo.popleft():
                case SourceNotice() as notice:
                    said.append(notice)
                case Close():
                    said += await self._close()
                case Open(device):
                    self._then(await self._open(device))
                case Look(anew):
                    devices = await asyncio.to_thread(_look, anew)
                    self._then(self._supervisor.saw(devices, self._clock()))
        return said

    async def _next(self) -> _Item | None:
        """What comes next; None after a while without anything."""
        try:
            async with asyncio.timeout(TICK_S):
                return await self._items.get()
        except TimeoutError:
            return None

    def _take(self, item: _Item | None) -> Iterator[Block | SourceNotice]:
        match item:
            case _Sound() if self._hearing:
                yield from self._hear(item, self._hearing)
            case _Finished():
                self._then(self._supervisor.finished(self._clock()))
            case _Changed():
                self._then(self._supervisor.changed())
        self._then(self._supervisor.passed(self._clock(), self._asleep()))

    def _hear(self, sound: _Sound, hearing: _Hearing) -> Iterator[Block | SourceNotice]:
        if sound.overran:
            self.overruns += 1
            self._then(self._supervisor.overran(self._clock()))
        length_s = len(sound.samples) / hearing.device.rate_hz
        since_s = 0.0
        if not hearing.begun and self._last_heard_s is not None:
            since_s = max(0.0, sound.heard_at_s - length_s - self._last_heard_s)
        for action in self._supervisor.heard(self._clock(), since_s):
            if isinstance(action, SourceNotice):
                yield action
        if not hearing.begun:
            hearing.begun = True
            self._name(hearing.device.name)
            self.missed_s += since_s
            fill = np.zeros(round(min(since_s, MAX_FILL_S) * SAMPLE_RATE_HZ), np.float32)
            if len(fill):
                yield Block(fill, sound.heard_at_s - length_s)
        self._last_heard_s = sound.heard_at_s
        samples, held_s = hearing.resampler.take(sound.samples)
        if len(samples):
            yield Block(samples, sound.heard_at_s - held_s)
        missed_s = hearing.gaps.block(length_s, sound.heard_at_s)
        if missed_s:
            self.missed_s += missed_s
            self._then(self._supervisor.missed(missed_s))

    def _then(self, actions: Sequence[Action]) -> None:
        self._todo.extend(actions)

    def _name(self, name: str) -> None:
        if name != self.name:
            self._names.append((self._position, name))

    async def _open(self, device: Device) -> list[Action]:
        """Open in a thread: it may take a while, and what is opened must not be forgotten."""
        hearing = _Hearing(device)
        opening = asyncio.ensure_future(asyncio.to_thread(self._stream_of, hearing))
        try:
            self._stream = await asyncio.shield(opening)
        except DeviceError as error:
            return self._supervisor.failed(str(error), self._clock())
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        self._hearing = hearing
        return self._supervisor.opened(self._clock())

    def _stream_of(self, hearing: _Hearing) -> InputStream:
        device = hearing.device

        def heard(data: npt.NDArray[np.float32], overran: bool) -> None:
            hearing.post(self, _Sound(data.mean(axis=1, dtype=np.float32), self._clock(), overran))

        way = Input(device.portaudio_number, device.rate_hz, min(2, device.channels), device.source)
        return InputStream(way, heard=heard, finished=lambda: hearing.post(self, _Finished()))

    def _put(self, item: _Item, hearing: _Hearing) -> None:
        if hearing.closed:
            return
        try:
            self._items.put_nowait(item)
        except asyncio.QueueFull:
            self.overruns += 1
            self._then(self._supervisor.overran(self._clock()))

    async def _close(self) -> list[Block | SourceNotice]:
        """End the stream; what it had heard by then still comes."""
        stream, self._stream = self._stream, None
        hearing, self._hearing = self._hearing, None
        if stream:
            await asyncio.to_thread(stream.close)
        if not hearing:
            return []
        await asyncio.sleep(0)  # what its thread has posted arrives
        rest: list[Block | SourceNotice] = []
        changed = False
        while not self._items.empty():
            item = self._items.get_nowait()
            if isinstance(item, _Sound):
                self._last_heard_s = item.heard_at_s
                rest.append(Block(hearing.resampler.take(item.samples)[0], item.heard_at_s))
            changed |= isinstance(item, _Changed)
        hearing.closed = True
        if changed:
            self._items.put_nowait(_Changed())
        tail = hearing.resampler.rest()
        if len(tail) and self._last_heard_s is not None:
            rest.append(Block(tail, self._last_heard_s))
        self._position += sum(len(block.samples) for block in rest if isinstance(block, Block))
        return rest

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Follow the sound server while the block runs; close the stream at its end."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if self._stream:
                self._stream.close()

    async def _watch(self) -> None:
        news = asyncio.Event()
        news.set()

        async def follow() -> None:
            async with contextlib.aclosing(sound_server.changes()) as changes:
                async for _ in changes:
                    news.set()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow())
            while True:
                await news.wait()
                await asyncio.sleep(SETTLE_S)
                news.clear()
                with contextlib.suppress(asyncio.QueueFull):
                    self._items.put_nowait(_Changed())
                await asyncio.sleep(LOOK_EVERY_S)


class _Hearing:
    """What belongs to one stream: its device, its filter, its clock."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.resampler = _Resampler(device.rate_hz)
        self.gaps = GapFinder()
        self.begun = False
        self.closed = False
        self._loop = asyncio.get_running_loop()

    def post(self, microphone: Microphone, item: _Item) -> None:
        """Hand over an item from PortAudio's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(microphone._put, item, self)


class _Resampler:
    """To 16 kHz, keeping count of what the filter holds back."""

    def __init__(self, rate_hz: int) -> None:
        self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")
        self._ratio = SAMPLE_RATE_HZ / rate_hz
        self._held = 0.0

    def take(self, samples: Audio) -> tuple[Audio, float]:
        """What comes out, and how many seconds its end lies behind what went in."""
        out: Audio = self._stream.resample_chunk(samples)
        self._held += len(samples) * self._ratio - len(out)
        return out, self._held / SAMPLE_RATE_HZ

    def rest(self) -> Audio:
        """What the filter still holds; the last call."""
        out: Audio = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return out


def _look(anew: bool) -> list[Device]:
    if anew:
        portaudio.start_anew()
    try:
        return input_devices()
    except DeviceError:
        return []


def _close_late(opening: asyncio.Future[InputStream]) -> None:
    if not opening.cancelled() and not opening.exception():
        opening.result().close()
