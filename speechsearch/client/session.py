"""Whole runs of the client: find or start a server, choose the source, go."""

from __future__ import annotations

import csv
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from speechsearch.audio import portaudio
from speechsearch.audio.capture import Microphone
from speechsearch.audio.held import HeldSource
from speechsearch.audio.player import Playlist, read_audio
from speechsearch.audio.source import Source
from speechsearch.automation import Automation, Catalogue, end_session
from speechsearch.client.capture_log import remember
from speechsearch.client.connection import Connection
from speechsearch.client.listen import listen_lines, listen_live
from speechsearch.client.private import is_ready, private_server
from speechsearch.client.voice import Answer, Voice, standing
from speechsearch.client.voices import live_voice, tail_s
from speechsearch.config import Settings
from speechsearch.errors import AudioFileError, ConfigError, DeviceError
from speechsearch.wire import messages as m
from speechsearch.wire.address import socket_url, stream_url


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run works with: settings, and where the server is."""

    settings: Settings
    server: str = ""
    """URL; empty: one that runs already, or a private one"""
    arguments: tuple[str, ...] = ()
    """For the private server: which index and model were asked for"""


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


@asynccontextmanager
async def server_for(
    setup: Setup, *, share: bool, say: Callable[[str], None] = _say
) -> AsyncIterator[str]:
    """The socket of the server named, of one that runs already (``share``), or of a private one."""
    own = setup.settings.server
    if setup.server:
        yield stream_url(setup.server)
    elif share and not setup.arguments and is_ready(own.host, own.port):
        yield socket_url(own.host, own.port)
    else:
        say("starting a server of its own ...")
        async with private_server(setup.arguments) as server:
            yield server.url


async def listen_or_play(
    setup: Setup, device: str | None, recordings: Path | None, *, hold: bool = False
) -> None:
    """Listen to the microphone; where there is none, play ``recordings`` instead if given.

    With ``hold`` only while a key is held; raises ConfigError where no key can be.
    """
    source: Source
    microphone: Microphone | None = None
    wanted: dict[str, str] = {}
    if hold and not (sys.stdin.isatty() and Console().is_terminal):
        raise ConfigError("--hold needs a terminal", hint="Without one: speechsearch listen")
    try:
        microphone = Microphone(device)
        source = HeldSource(microphone) if hold else microphone
    except DeviceError as error:
        if recordings is None:
            raise
        print(f"{error.message}: playing the recordings in {recordings}", file=sys.stderr)
        wanted = _wanted(recordings)
        sounds = [(name, read_audio(Path(name))) for name in wanted]
        source = Playlist(sounds, tail_s=tail_s(setup.settings))
    async with server_for(setup, share=True) as url:
        connection = Connection(url, setup.settings.server.token)
        held = isinstance(source, HeldSource)
        voice = live_voice(source, connection, setup.settings, hold=held)
        catalogue = Catalogue.of(setup.settings)
        automation = catalogue.begin()
        try:
            with portaudio.quiet():
                answers = [answer async for answer in _show(voice, automation)]
        finally:
            if microphone:
                remember(microphone.name, microphone.overruns, microphone.missed_s)
            if said := end_session(catalogue, automation):
                _say(said)
    print(_summary(voice, answers, wanted), file=sys.stderr)


def _show(voice: Voice, automation: Automation) -> AsyncIterator[Answer]:
    console = Console()
    return listen_live(voice, console, automation) if console.is_terminal else listen_lines(voice)


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
