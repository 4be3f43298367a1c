"""One stream of one device: PortAudio's thread on the one side, the event loop on the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.audio.devices import Device
from speechsearch.audio.gaps import GapFinder
from speechsearch.audio.portaudio import Input, InputStream
from speechsearch.audio.samples import Resampler
from speechsearch.audio.source import Block
from speechsearch.clock import Clock
from speechsearch.types import Audio


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """float32 [n] at the device's rate, mono; its last sample was heard at ``heard_at_s``."""

    samples: Audio
    heard_at_s: float
    overran: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The stream ended by itself."""


class Hearing:
    """Opens the device and hands what it hears to ``put``, in the loop that made it."""

    def __init__(
        self, device: Device, put: Callable[[Hearing, Sound | Finished], None], clock: Clock
    ) -> None:
        self.device = device
        self.begun = False
        """Whether sound was heard"""
        self.closed = False
        self._put, self._clock = put, clock
        self._loop = asyncio.get_running_loop()
        self._resampler = Resampler(device.rate_hz)
        self._gaps = GapFinder()
        self._stream: InputStream | None = None

    def open(self) -> None:
        """Begin; may take a while. Raises DeviceError."""
        device = self.device
        channels = min(2, device.channels)
        way = Input(device.portaudio_number, device.rate_hz, channels, device.source)
        self._stream = InputStream(way, heard=self._heard, finished=lambda: self._post(Finished()))

    def close(self) -> None:
        """End; may take a while, never raises."""
        if self._stream:
            self._stream.close()

    def length_s(self, sound: Sound) -> float:
        """How long it is."""
        return len(sound.samples) / self.device.rate_hz

    def block(self, sound: Sound) -> Block:
        """The same at 16 kHz, as far as the filter gives it; perhaps empty."""
        samples, held_s = self._resampler.take(sound.samples)
        return Block(samples, sound.heard_at_s - held_s)

    def rest(self, heard_at_s: float) -> Block:
        """What the filter still holds; the last call."""
        return Block(self._resampler.rest(), heard_at_s)

    def missed_s(self, sound: Sound) -> float:
        """Seconds that did not arrive, as far as they are known with this sound."""
        return self._gaps.block(self.length_s(sound), sound.heard_at_s)

    def _heard(self, data: npt.NDArray[np.float32], overran: bool) -> None:
        self._post(Sound(data.mean(axis=1, dtype=np.float32), self._clock(), overran))

    def _post(self, item: Sound | Finished) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, self, item)
