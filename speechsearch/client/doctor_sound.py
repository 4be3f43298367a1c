"""What the doctor sees of the way from the microphone to the first sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from speechsearch.audio import portaudio, sound_server
from speechsearch.audio.devices import BRIDGE, Device, choose, input_devices
from speechsearch.client.capture_log import recall
from speechsearch.client.finding import Finding
from speechsearch.errors import DeviceError
from speechsearch.types import SAMPLE_RATE_HZ

LISTEN_S = 0.5
CLIPPED = 0.999
SOUND_DEVICES = Path("/dev/snd")


def examine_sound() -> Iterator[Finding]:
    """Sound server, devices, the default one and what it hears, what the last client lost."""
    try:
        yield _server()
        devices = input_devices()
        yield _devices(devices)
    except DeviceError as error:
        yield Finding("microphone", False, str(error))
        return
    device = choose(devices, None)
    if device is not None:
        yield _quality(device)
        yield _level(device)
    yield _last_capture()


def _server() -> Finding:
    what = "sound server"
    if not sound_server.has_pactl():
        return Finding(
            what, True, "cannot be asked: changes of the default microphone and mutes will not be "
            "seen. On Debian or Ubuntu: apt-get install pulseaudio-utils", warns=True,
        )  # fmt: skip
    server = sound_server.look()
    if server is not None and not any(info["name"] == BRIDGE for _, info in portaudio.inputs()):
        return Finding(
            what, True, f"{server.software}, but PortAudio has no way to it: which microphone is "
            "the default will not be followed. On Debian or Ubuntu: apt-get install "
            "libasound2-plugins", warns=True,
        )  # fmt: skip
    if server is not None:
        return Finding(what, True, server.software)
    return Finding(
        what, True, "none answers. On a desktop: systemctl --user start pipewire-pulse, or "
        "pulseaudio --start; in a container hand in the sound socket and set PULSE_SERVER",
        warns=True,
    )  # fmt: skip


def _devices(devices: list[Device]) -> Finding:
    if not devices:
        return Finding("microphone", False, f"none found. {_why_none()}")
    names = (
        f"{device.name} ({device.rate_hz} Hz{', default' if device.is_default else ''})"
        for device in devices
    )
    return Finding("microphone", True, ", ".join(names))


def _why_none() -> str:
    nodes = list(SOUND_DEVICES.glob("pcm*c"))
    if nodes and not any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
        return "You may not open it: sudo usermod -aG audio $USER, then log in anew"
    return (
        "Plug one in; in a container hand in the sound socket; without one: speechsearch query FILE"
    )


def _quality(device: Device) -> Finding:
    what = "microphone quality"
    if device.rate_hz < SAMPLE_RATE_HZ:
        return Finding(
            what, True, f"{device.name} gives only {device.rate_hz} Hz, as a telephone: words will "
            "be misheard. Choose another profile of the headset (mSBC or LC3) in the sound "
            "settings, or another microphone: speechsearch listen --microphone NAME", warns=True,
        )  # fmt: skip
    if device.is_monitor:
        return Finding(
            what, True, f"the default input, {device.name}, hears what this machine plays, not "
            "you. Choose a microphone in the sound settings, or --microphone NAME", warns=True,
        )  # fmt: skip
    return Finding(what, True, f"{device.name}, {device.rate_hz} Hz")


def _level(device: Device) -> Finding:
    """Listen for half a second."""
    what = "microphone level"
    if device.muted:
        unmute = f"pactl set-source-mute {device.source} 0"
        return Finding(what, False, f"{device.name} is muted. To unmute it: {unmute}")
    way = portaudio.Input(device.portaudio_number, device.rate_hz, 1, device.source)
    try:
        with portaudio.quiet():
            heard = np.abs(portaudio.record(way, LISTEN_S))
    except DeviceError as error:
        return Finding(what, False, f"{device.name}: {error}")
    if not heard.any():
        return Finding(
            what, True, "not muted, but digital silence: look for a switch or a mute key on the "
            "device, and at the input's volume in the sound settings", warns=True,
        )  # fmt: skip
    loud = 20 * np.log10(np.sqrt(np.mean(np.square(heard))))
    if (heard >= CLIPPED).mean() > 0.001:
        return Finding(
            what, True, f"not muted, {loud:.0f} dBFS, and it clips: lower the input's volume",
            warns=True,
        )  # fmt: skip
    return Finding(what, True, f"not muted, {loud:.0f} dBFS")


def _last_capture() -> Finding:
    last = recall()
    if last is None:
        return Finding("last listening", True, "none yet")
    said = f"{last.ended_at}, {last.device}"
    lost = f"{said}: {last.missed_s:.1f} s of sound were missed, {last.overruns} overruns"
    if last.overruns:
        busy = "This machine was too busy: end other programs, or run the server elsewhere"
        return Finding("last listening", True, f"{lost}. {busy}", warns=True)
    return Finding("last listening", True, lost if last.missed_s else f"{said}: nothing was missed")
