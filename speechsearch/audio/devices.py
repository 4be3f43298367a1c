"""Which inputs there are, and which one is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from speechsearch.audio import portaudio, sound_server
from speechsearch.errors import DeviceError

TELEPHONE_HZ = 8_000
BRIDGE = "pulse"
"""PortAudio's name for the way into the sound server"""


@dataclass(frozen=True, slots=True)
class Device:
    """One input, at its own rate."""

    number: int
    """Place in the list"""
    name: str
    channels: int
    rate_hz: int
    is_default: bool
    source: str = ""
    """The sound server's name of it; empty where PortAudio opens it itself"""
    muted: bool = False
    is_monitor: bool = False
    portaudio_number: int = 0

    @property
    def identity(self) -> tuple[str, int]:
        """What makes it the same device, opened the same way."""
        return (self.source or self.name, self.rate_hz)


def input_devices() -> list[Device]:
    """All inputs there are now; raises DeviceError where PortAudio itself is missing.

    Where a sound server runs these are its sources, microphones first, and what PortAudio can open
    past it; elsewhere those of PortAudio.
    """
    own = portaudio.inputs()
    bridge = next((number for number, info in own if info["name"] == BRIDGE), None)
    server = sound_server.look() if bridge is not None else None
    if server is None or bridge is None:
        default = portaudio.default_input()
        return [_own(place, *one, one[0] == default) for place, one in enumerate(own)]
    sources = sorted(server.sources, key=lambda source: source.is_monitor)
    listed = [
        Device(
            place, source.description, source.channels, source.rate_hz,
            source.name == server.default_source, source.name, source.muted, source.is_monitor,
            bridge,
        )
        for place, source in enumerate(sources)
    ]  # fmt: skip
    past = [(number, info) for number, info in own if "hw:" in info["name"]]
    return listed + [_own(place, *one, False) for place, one in enumerate(past, len(listed))]


def find_device(name: str | None) -> Device:
    """The device of a number or part of a name, or the default one; raises DeviceError."""
    devices = input_devices()
    if not devices:
        raise DeviceError(
            "there is no microphone",
            hint="Plug one in, or send recordings: speechsearch query FILE",
        )
    device = choose(devices, name)
    if device is None:
        raise DeviceError(
            f"no input device is called {name!r}", hint="speechsearch devices lists what there is"
        )
    return device


def choose(devices: Sequence[Device], wanted: str | None) -> Device | None:
    """The device meant by a number, a whole name or a part of one; None: the default one.

    Without a default the first microphone is meant, never what an output plays.
    """
    if wanted is None:
        defaults = [device for device in devices if device.is_default]
        microphones = [device for device in devices if not device.is_monitor]
        return next(iter(defaults + microphones), None)
    asked = wanted.lower()
    ways: tuple[Callable[[Device], bool], ...] = (
        lambda device: str(device.number) == asked,
        lambda device: asked in (device.name.lower(), device.source.lower()),
        lambda device: asked in device.name.lower() or asked in device.source.lower(),
    )
    return next((device for way in ways for device in devices if way(device)), None)


def _own(place: int, number: int, info: portaudio.Info, is_default: bool) -> Device:
    return Device(
        place, info["name"], info["max_input_channels"], int(info["default_samplerate"]),
        is_default, portaudio_number=number,
    )  # fmt: skip
