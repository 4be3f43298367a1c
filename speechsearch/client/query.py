"""Recordings through the very same client, VAD, socket and server as the microphone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from speechsearch.audio.player import Player, read_audio
from speechsearch.client.connection import Connection, ConnectionState
from speechsearch.client.voice import Answer, Revision
from speechsearch.client.voices import recorded_voice, tail_s
from speechsearch.config import Settings
from speechsearch.errors import ServerUnavailable, SpeechsearchError
from speechsearch.types import Audio
from speechsearch.wire import messages as m


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
    player = Player(samples, name=name, speed=speed, tail_s=tail_s(settings))
    connection = Connection(
        url, settings.server.token, retry=False, partials=False, patient=speed == 0
    )
    voice = recorded_voice(player, connection, settings)
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
