"""Recordings through the very same client, VAD, socket and server as the microphone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from speechsearch.audio.player import Player, read_audio
from speechsearch.client.connection import Connection, ConnectionState
from speechsearch.client.voice import Answer, Revision, Voice
from speechsearch.config import Settings
from speechsearch.errors import ServerUnavailable, SpeechsearchError
from speechsearch.types import Audio
from speechsearch.vad.build import build_detector
from speechsearch.vad.detector import Detector
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m


def tail_s(settings: Settings) -> float:
    """How long the noise floor goes on after a recording: enough for any endpoint."""
    return 2 * settings.vad.hangover_ms / 1000 + 1.0


def detector_of(settings: Settings) -> Detector:
    """A fresh detector as the settings want it."""
    chosen = settings.detector
    return build_detector(chosen.engine, settings.models_dir, chosen.webrtc_aggressiveness)


def query_file(
    path: Path, url: str, settings: Settings, speed: float = 1.0
) -> AsyncIterator[Answer]:
    """The answers to a recording, as ``query_sound``; raises AudioFileError for the file."""
    return query_sound(read_audio(path), str(path), url, settings, speed)


async def query_sound(
    samples: Audio, name: str, url: str, settings: Settings, speed: float = 1.0
) -> AsyncIterator[Answer]:
    """The answers to float32 [samples], in order, each as a second ear left it; each a ``final`` or
    ``nothing``.

    Raises ServerUnavailable where the server goes away, and what the server reports as an error.
    """
    voice = Voice(
        Player(samples, name=name, speed=speed, tail_s=tail_s(settings)),
        Segmenter(detector_of(settings), settings.vad),
        Connection(url, settings.server.token, retry=False, partials=False, patient=speed == 0),
        live=False,
    )
    answers: dict[int, Answer] = {}
    async for event in voice.run():
        if isinstance(event, ConnectionState) and event.state == "lost":
            raise ServerUnavailable(
                event.message, hint="Is the server running? speechsearch doctor"
            )
        if isinstance(event, m.Error):
            raise SpeechsearchError(event.message, hint=event.hint)
        if isinstance(event, Answer):
            answers[event.utterance] = event
        if isinstance(event, Revision):
            answers[event.answer.utterance] = event.answer
        while answers and (first := next(iter(answers.values()))).is_last:
            yield answers.pop(first.utterance)
