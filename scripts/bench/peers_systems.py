"""The systems that are compared, and how each is started inside its own process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import peers_live
from latency import own_cpu_s, server_cost
from played import Played, play

from speechsearch.client.private import PrivateServer, private_server
from speechsearch.config import Settings, load_settings
from speechsearch.errors import ConfigError
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.server.assemble import demo_index, threads_of

US = "speechsearch"
COMPARED = (US, "faster-whisper-tiny.en", "faster-whisper-base", "moonshine-tiny", "pocketsphinx")
WITHOUT_SPECULATION = tuple(f"{name}-at-endpoint" for name in COMPARED if "whisper" in name)
"""The Whispers decoding at the endpoint only: less CPU, and the whole decode is waited for"""
KNOWN = (*COMPARED, *WITHOUT_SPECULATION)


class System(Protocol):
    """One system, loaded and warm."""

    set_up: str
    bare_mb: float | None
    """Resident before the recogniser was loaded: Python, VAD, search; None where not known apart"""

    async def play(self, row: dict[str, str]) -> Played:
        """Stream one file, and time its answers."""
        ...

    def cost(self) -> tuple[float, float]:
        """CPU seconds so far and peak resident MB, all its processes together."""
        ...


class Product:
    """The product itself: client here, server in its own process, a socket between them."""

    bare_mb = None

    def __init__(self, server: PrivateServer, settings: Settings) -> None:
        self._server = server
        self._settings = settings
        self.set_up = (
            f"client, socket and server; {settings.asr.model}, "
            f"usual hangover {settings.turns.usual_ms:.0f} ms"
        )

    async def play(self, row: dict[str, str]) -> Played:
        """As ``bench_latency`` plays it."""
        return await play(row, self._server.url, self._settings)

    def cost(self) -> tuple[float, float]:
        """Of client and server."""
        server_s, server_mb = server_cost(self._server.pid)
        return own_cpu_s() + server_s, server_cost(os.getpid())[1] + server_mb


class Peer:
    """A recogniser in this process, with the product's text search behind it."""

    def __init__(self, name: str, settings: Settings, index: Path | None) -> None:
        folder = index or demo_index()
        options = RankingOptions(limit=settings.search.limit)
        self._ranker = Ranker(EmbeddedIndex.open(folder), {}, options)  # no sound: no letters
        self._ranker.rank("warm up", None)
        self.bare_mb = server_cost(os.getpid())[1]
        self._recogniser = recogniser(name, settings)
        self.set_up = self._recogniser.set_up

    async def play(self, row: dict[str, str]) -> Played:
        """In real time, heard on a thread of its own."""
        return await peers_live.play(row, self._recogniser, self._ranker)

    def cost(self) -> tuple[float, float]:
        """Of this process."""
        return own_cpu_s(), server_cost(os.getpid())[1]


def recogniser(name: str, settings: Settings) -> peers_live.Recogniser:
    """Load a peer; its packages are imported here and nowhere else."""
    if name.startswith("faster-whisper-"):
        from peers_whisper import whisper

        speculate = name not in WITHOUT_SPECULATION
        model = name.removeprefix("faster-whisper-").removesuffix("-at-endpoint")
        return whisper(model, settings, threads_of(settings), speculate=speculate)
    if name == "moonshine-tiny":
        from peers_moonshine import Moonshine

        return Moonshine()
    if name == "pocketsphinx":
        from peers_sphinx import PocketSphinx

        return PocketSphinx()
    raise ConfigError(f"{name} is not a system", hint=f"Known: {', '.join(KNOWN)}")


@asynccontextmanager
async def started(name: str, index: Path | None) -> AsyncIterator[System]:
    """The system, until the block ends."""
    settings = load_settings()
    if name == US:
        async with private_server(["--index", str(index)] if index else []) as server:
            yield Product(server, settings)
    else:
        yield Peer(name, settings, index)
