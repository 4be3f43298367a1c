"""Whole runs of the client: find or start a server, choose the source, go."""

from __future__ import annotations

import csv
import statistics
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from speechsearch.audio.capture import Microphone
from speechsearch.audio.player import Playlist, read_audio
from speechsearch.audio.source import Source
from speechsearch.client.connection import Connection
from speechsearch.client.listen import listen_lines, listen_live
from speechsearch.client.private import is_ready, private_server
from speechsearch.client.query import detector_of, tail_s
from speechsearch.client.voice import Answer, Voice, standing
from speechsearch.config import Settings
from speechsearch.errors import AudioFileError, DeviceError
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.address import SOCKET_PATH, socket_url


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
        print("starting a server of its own ...", file=sys.stderr, flush=True)
        async with private_server(setup.arguments) as server:
            yield server.url


async def listen_or_play(setup: Setup, device: str | None, recordings: Path | None) -> None:
    """Listen to the microphone; where there is none, play ``recordings`` instead if given."""
    source: Source
    wanted: dict[str, str] = {}
    try:
        source = Microphone(device)
    except DeviceError as error:
        if recordings is None:
            raise
        print(f"{error.message}: playing the recordings in {recordings}", file=sys.stderr)
        wanted = _wanted(recordings)
        sounds = [(name, read_audio(Path(name))) for name in wanted]
        source = Playlist(sounds, tail_s=tail_s(setup.settings))
    async with server_for(setup, share=True) as url:
        segmenter = Segmenter(detector_of(setup.settings), setup.settings.vad)
        voice = Voice(source, segmenter, Connection(url, setup.settings.server.token))
        answers = [answer async for answer in _show(voice)]
    print(_summary(voice, answers, wanted), file=sys.stderr)


def _show(voice: Voice) -> AsyncIterator[Answer]:
    console = Console()
    return listen_live(voice, console) if console.is_terminal else listen_lines(voice)


def _summary(voice: Voice, answers: Sequence[Answer], wanted: Mapping[str, str]) -> str:
    """What came of it, in a sentence or three."""
    finals = standing(answers)
    waits_ms = [answer.timings_ms["end_of_speech_to_results"] for answer in finals]
    said = f"{len(finals)} utterances answered"
    if waits_ms:
        said += f"; end of speech to results: median {statistics.median(waits_ms):.0f} ms"
    said += f"; captured {voice.captured_bytes} bytes, sent {voice.connection.bytes_sent}"
    if voice.source.overruns:
        said += f"; {voice.source.overruns} overruns"
    tops: dict[str, set[str]] = {name: set() for name in wanted}
    for answer in finals:
        if wanted and isinstance(answer.message, m.Final):
            heard = voice.source.name_at(answer.end_sample)
            tops[heard] |= {hit.id for hit in answer.message.hits[:1]}
    right = sum(tops[name] == ({item} if item else set()) for name, item in wanted.items())
    return said + (f"; {right} of {len(wanted)} recordings answered rightly" if wanted else "")


def _wanted(folder: Path) -> dict[str, str]:
    """The recordings of a folder's manifest, and the id each should find (or empty)."""
    try:
        with (folder / "manifest.tsv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return {str(folder / row["path"]): row["item"] for row in rows}
    except (OSError, KeyError) as error:
        raise AudioFileError(
            f"{folder} has no manifest.tsv with path and item: {error}",
            hint="Name a folder like audio_fixtures",
        ) from error
