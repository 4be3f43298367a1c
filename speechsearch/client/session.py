"""Whole runs of the client: find or start a server, choose the source, go."""

from __future__ import annotations

import csv
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from speechsearch.audio.capture import Microphone
from speechsearch.audio.player import read_audio
from speechsearch.audio.source import Source
from speechsearch.client.connection import Connection
from speechsearch.client.listen import listen_lines, listen_live
from speechsearch.client.private import is_ready, private_server, socket_url
from speechsearch.client.query import detector_of, query_file, voice_for
from speechsearch.client.report import utterance_object
from speechsearch.client.voice import Answer, Voice
from speechsearch.config import Settings
from speechsearch.errors import DeviceError, SpeechsearchError
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m

SOCKET_PATH = "/v1/stream"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run works with: settings, and where the server is."""

    settings: Settings
    server: str = ""
    """URL; empty: one that runs already, or a private one"""
    arguments: tuple[str, ...] = ()
    """For the private server: which index and model were asked for"""


@asynccontextmanager
async def server_for(setup: Setup, *, share: bool) -> AsyncIterator[str]:
    """The socket of the server named, of one that runs already (``share``), or of a private one."""
    own = setup.settings.server
    if setup.server:
        url = setup.server
        yield url if SOCKET_PATH in url else url.rstrip("/") + SOCKET_PATH
    elif share and not setup.arguments and is_ready(own.host, own.port):
        yield socket_url(own.host, own.port)
    else:
        async with private_server(setup.arguments) as server:
            yield server.url


async def query_files(
    files: Sequence[Path], setup: Setup, speed: float, show: Callable[[Path, dict[str, Any]], None]
) -> int:
    """Send each file in a session of its own; number of files that failed, each said on stderr."""
    failed = 0
    async with server_for(setup, share=False) as url:
        for file in files:
            try:
                async for answer in query_file(file, url, setup.settings, speed):
                    found = utterance_object(str(file), answer)
                    if found:
                        show(file, found)
            except SpeechsearchError as error:
                failed += 1
                print(f"{file}: {error}", file=sys.stderr, flush=True)
    return failed


async def listen_or_play(setup: Setup, device: str | None, recordings: Path | None) -> None:
    """Listen to the microphone; where there is none, play ``recordings`` instead if given."""
    try:
        source = Microphone(device)
    except DeviceError as error:
        if recordings is None:
            raise
        print(f"{error.message}: playing the recordings in {recordings}", file=sys.stderr)
        async with server_for(setup, share=True) as url:
            await play_all(recordings, url, setup.settings)
        return
    async with server_for(setup, share=True) as url:
        voice = _voice_of(source, url, setup.settings)
        async for _ in _show(voice, source.name):
            pass
        sent = voice.connection.bytes_sent
        print(f"captured {voice.captured_bytes} bytes, sent {sent}", file=sys.stderr)


async def play_all(folder: Path, url: str, settings: Settings) -> None:
    """Play the recordings of a folder in real time and sum up what was found."""
    right, total, waits_ms = 0, 0, list[float]()
    captured = sent = 0
    for path, wanted in _recordings(folder):
        voice = voice_for(read_audio(path), url, settings, speed=1.0)
        voice.source.name = path.name
        tops: set[str] = set()
        async for answer in _show(voice, str(path)):
            if isinstance(answer.message, m.Final):
                waits_ms.append(answer.timings_ms["end_of_speech_to_results"])
                tops |= {hit.id for hit in answer.message.hits[:1]}
        total += 1
        right += tops == {wanted} if wanted else not tops
        captured, sent = captured + voice.captured_bytes, sent + voice.connection.bytes_sent
    median_ms = statistics.median(waits_ms) if waits_ms else 0.0
    print(
        f"{right} of {total} recordings answered rightly; end of speech to results: median "
        f"{median_ms:.0f} ms; captured {captured} bytes, sent {sent}",
        file=sys.stderr,
    )


def _voice_of(source: Source, url: str, settings: Settings) -> Voice:
    segmenter = Segmenter(detector_of(settings), settings.vad)
    return Voice(source, segmenter, Connection(url, settings.server.token))


async def _show(voice: Voice, name: str) -> AsyncIterator[Answer]:
    console = Console()
    shown = listen_live(voice, console) if console.is_terminal else listen_lines(voice, name)
    async for answer in shown:
        yield answer


def _recordings(folder: Path) -> list[tuple[Path, str]]:
    """Files and the id each should find, from the folder's manifest."""
    with (folder / "manifest.tsv").open(newline="") as file:
        return [(folder / row["path"], row["item"]) for row in csv.DictReader(file, delimiter="\t")]
