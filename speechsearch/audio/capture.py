"""The microphone through PortAudio, at the device's own rate, resampled to 16 kHz."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from speechsearch.audio.source import Block, SourceNotice
from speechsearch.clock import Clock, monotonic_s
from speechsearch.errors import DeviceError
from speechsearch.types import SAMPLE_RATE_HZ, Audio

BLOCK_S = 0.02
QUEUE_BLOCKS = 500
"""Ten seconds: a client that stalls longer loses sound, and counts it."""
SILENT_DEVICE_S = 2.0
"""A device that delivers nothing for so long has vanished."""
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Device:
    """An input as PortAudio names it."""

    number: int
    name: str
    channels: int
    rate_hz: int
    is_default: bool


def input_devices() -> list[Device]:
    """All inputs there are now; raises DeviceError where PortAudio itself is missing."""
    portaudio = _portaudio()
    default = portaudio.default.device[0]
    return [
        Device(
            number,
            info["name"],
            info["max_input_channels"],
            int(info["default_samplerate"]),
            number == default,
        )
        for number, info in enumerate(portaudio.query_devices())
        if info["max_input_channels"] > 0
    ]


def find_device(name: str | None) -> Device:
    """The device of a number or part of a name, or the default one; raises DeviceError."""
    devices = input_devices()
    if not devices:
        raise DeviceError(
            "there is no microphone",
            hint="Plug one in, or send recordings: speechsearch query FILE",
        )
    if name is None:
        return next((device for device in devices if device.is_default), devices[0])
    numbered = [device for device in devices if name == str(device.number)]
    named = [device for device in devices if name.lower() in device.name.lower()]
    if numbered or named:
        return (numbered or named)[0]
    raise DeviceError(
        f"no input device is called {name!r}", hint="speechsearch devices lists what there is"
    )


class Microphone:
    """Sound of an input device; waits for it where it vanishes."""

    def __init__(self, device: str | None = None, clock: Clock = monotonic_s) -> None:
        self._wanted = device
        self._device = find_device(device)
        self.name = self._device.name
        self.overruns = 0
        self._clock = clock

    def name_at(self, sample: int) -> str:
        """The device's name."""
        del sample
        return self.name

    async def blocks(self) -> AsyncIterator[Block | SourceNotice]:
        """Blocks of about 20 ms until the caller stops asking."""
        while True:
            async for block in self._until_it_vanishes():
                yield block
            yield SourceNotice(f"the microphone {self.name!r} is gone; waiting for it")
            await self._wait_for_return()
            yield SourceNotice(f"listening to {self.name!r} again")

    async def _until_it_vanishes(self) -> AsyncIterator[Block | SourceNotice]:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[tuple[Audio, float]] = asyncio.Queue(QUEUE_BLOCKS)

        def put(samples: Audio, heard_at_s: float, overrun: bool) -> None:
            self.overruns += overrun
            try:
                arrived.put_nowait((samples, heard_at_s))
            except asyncio.QueueFull:
                self.overruns += 1

        def callback(data: Any, _frames: int, _time: Any, status: Any) -> None:
            heard_at_s = self._clock()
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(
                    put, data.mean(axis=1, dtype=np.float32), heard_at_s, bool(status)
                )

        resampler = _Resampler(self._device.rate_hz)
        try:
            stream = self._open(callback)
        except DeviceError as error:
            yield SourceNotice(str(error))
            return
        try:
            while True:
                try:
                    async with asyncio.timeout(SILENT_DEVICE_S):
                        samples, heard_at_s = await arrived.get()
                except TimeoutError:
                    return
                samples, held_s = resampler.take(samples)
                if len(samples):
                    yield Block(samples, heard_at_s - held_s)
        finally:
            await asyncio.to_thread(_close, stream)

    def _open(self, callback: Any) -> Any:
        portaudio = _portaudio()
        try:
            stream = portaudio.InputStream(
                device=self._device.number,
                samplerate=self._device.rate_hz,
                channels=min(2, self._device.channels),
                blocksize=round(self._device.rate_hz * BLOCK_S),
                dtype="float32",
                latency="low",
                callback=callback,
            )
            stream.start()
        except portaudio.PortAudioError as error:
            raise DeviceError(
                f"the microphone {self.name!r} cannot be opened: {error}",
                hint="Another program may hold it, or access is denied: speechsearch doctor",
            ) from error
        return stream

    async def _wait_for_return(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            await asyncio.to_thread(_look_again)
            with contextlib.suppress(DeviceError):
                self._device = find_device(self._wanted or self.name)
                return


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


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            f"the PortAudio library is missing: {error}",
            hint="On Debian or Ubuntu: apt-get install libportaudio2",
        ) from error
    return sounddevice


def _look_again() -> None:
    """PortAudio lists devices once, at its start: start it anew."""
    portaudio = _portaudio()
    with contextlib.suppress(portaudio.PortAudioError):
        portaudio._terminate()
    with contextlib.suppress(portaudio.PortAudioError):
        portaudio._initialize()


def _close(stream: Any) -> None:
    with contextlib.suppress(Exception):
        stream.abort()
        stream.close()
