"""What PulseAudio (or PipeWire in its place) says through ``pactl``: inputs, default, changes.

PortAudio knows neither of these: for it a sound server is one device called ``pulse``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import msgspec

ANSWER_TIMEOUT_S = 3.0
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 5.0
SETTLE_S, LOOK_EVERY_S = 0.1, 0.5
"""Changes of devices come in flocks: look once they are over, and not all the time"""
CHANGES = ("on source #", "on server")


@dataclass(frozen=True, slots=True)
class ServerSource:
    """One input of the sound server."""

    name: str
    description: str
    channels: int
    rate_hz: int
    muted: bool
    is_monitor: bool
    """Hears what an output plays, no microphone"""


@dataclass(frozen=True, slots=True)
class SoundServer:
    """A sound server as it is now."""

    software: str
    default_source: str
    sources: tuple[ServerSource, ...]


def has_pactl() -> bool:
    """Whether a sound server can be asked at all."""
    return shutil.which("pactl") is not None


def look() -> SoundServer | None:
    """What the sound server says now; None where none answers, or it cannot be asked."""
    try:
        about = msgspec.json.decode(_ask("info"), type=_Info)
        sources = msgspec.json.decode(_ask("list", "sources"), type=list[_Source])
        return SoundServer(
            f"{about.server_name} {about.server_version}",
            os.environ.get("PULSE_SOURCE") or about.default_source_name or "",
            tuple(source.told() for source in sources),
        )
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, ValueError):
        return None


async def changes() -> AsyncGenerator[None, None]:
    """An item whenever inputs or the default may have changed, the server's end among it."""
    delay_s = FIRST_RETRY_S
    while has_pactl():
        process = await asyncio.create_subprocess_exec(
            "pactl", "subscribe",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        try:
            async for line in process.stdout:
                delay_s = FIRST_RETRY_S
                if any(change in line.decode() for change in CHANGES):
                    yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        yield
        await asyncio.sleep(delay_s)
        delay_s = min(LAST_RETRY_S, 2 * delay_s)


async def settled_changes() -> AsyncGenerator[None, None]:
    """The same, one for many; the first comes soon, for what changed before one listened."""
    news = asyncio.Event()
    news.set()

    async def follow() -> None:
        async with contextlib.aclosing(changes()) as coming:
            async for _ in coming:
                news.set()

    following = asyncio.create_task(follow())
    try:
        while True:
            await news.wait()
            await asyncio.sleep(SETTLE_S)
            news.clear()
            yield
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class _Info(msgspec.Struct, frozen=True):
    server_name: str
    server_version: str
    default_source_name: str | None = None


class _Source(msgspec.Struct, frozen=True):
    name: str
    sample_specification: str
    """Format, channels and rate, e.g. ``s16le 2ch 48000Hz``"""
    mute: bool
    description: str | None = None
    monitor_source: str | None = None

    def told(self) -> ServerSource:
        """Raises ValueError where the specification is none."""
        _, channels, rate = self.sample_specification.split()
        return ServerSource(
            self.name, self.description or self.name, int(channels.removesuffix("ch")),
            int(rate.removesuffix("Hz")), self.mute,
            bool(self.monitor_source) or self.name.endswith(".monitor"),
        )  # fmt: skip


def _ask(*question: str) -> bytes:
    return subprocess.run(  # noqa: S603
        ["pactl", "--format=json", *question],  # noqa: S607
        capture_output=True, timeout=ANSWER_TIMEOUT_S, check=True, env=_environment(),
    ).stdout  # fmt: skip


def _environment() -> dict[str, str]:
    """English numbers and words; and no server is started only because it was asked."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "PULSE_AUTOSPAWN": "0"}
