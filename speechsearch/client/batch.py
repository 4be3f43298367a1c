"""Many recordings, one after the other: found in folders, answered, and once done never again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import soundfile

from speechsearch.client.ledger import Ledger
from speechsearch.client.query import query_file
from speechsearch.client.report import utterance_object
from speechsearch.client.session import Setup, server_for
from speechsearch.errors import AudioFileError, ServerUnavailable, SpeechsearchError
from speechsearch.types import SAMPLE_RATE_HZ

SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"}
)
"""In a folder; a file that is named itself may be called anything"""
MOST_UNHEARD = 3
"""So many recordings in a row for which there is no server, and the batch ends"""


class Watcher(Protocol):
    """Hears how a batch goes."""

    def begins(self, recording: str) -> None:
        """A recording's turn has come."""

    def heard(self, share: float) -> None:
        """So much of it was heard, 0..1."""

    def answered(self, recording: str, found: dict[str, Any]) -> None:
        """One of its utterances has its object."""

    def failed(self, recording: str, error: SpeechsearchError) -> None:
        """It cannot be answered; the batch goes on."""

    def ended(self, recording: str) -> None:
        """Its turn is over, whatever came of it."""


@dataclass(slots=True)
class Tally:
    """What came of a batch."""

    done: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)


def recordings_in(given: Sequence[str]) -> list[str]:
    """Files as they were given, and in the place of each folder all recordings in it, sorted.

    Hidden files and folders are left out, links to folders not followed. Raises AudioFileError
    where a folder holds no recording.
    """
    found: list[str] = []
    for name in given:
        if not Path(name).is_dir():
            found.append(name)
            continue
        inside = _inside(name)
        if not inside:
            raise AudioFileError(
                f"{name} holds no recordings", hint=f"Looked for {' '.join(sorted(SUFFIXES))}"
            )
        found += inside
    return found


async def run_batch(
    recordings: Sequence[str],
    setup: Setup,
    speed: float,
    watcher: Watcher,
    ledger: Ledger | None = None,
) -> Tally:
    """Send each recording in a session of its own, but those that ``ledger`` has already.

    Raises ServerUnavailable where the server is gone for good.
    """
    done = ledger.done if ledger else set[str]()
    left = [one for one in recordings if one not in done]
    tally = Tally(skipped=len(recordings) - len(left))
    if not left:
        return tally
    unheard = 0
    async with server_for(setup, share=False) as url:
        for recording in left:
            watcher.begins(recording)
            try:
                objects = await _answer(recording, url, setup, speed, watcher)
                if ledger:
                    ledger.add(recording, objects)
                tally.done, unheard = tally.done + 1, 0
            except SpeechsearchError as error:
                unheard += isinstance(error, ServerUnavailable)
                if unheard == MOST_UNHEARD:
                    raise
                tally.failed.append(recording)
                watcher.failed(recording, error)
            watcher.ended(recording)
    return tally


async def _answer(
    recording: str, url: str, setup: Setup, speed: float, watcher: Watcher
) -> list[dict[str, Any]]:
    """The objects of a recording's utterances."""
    objects, length_s = [], _length_s(recording)
    async for answer in query_file(Path(recording), url, setup.settings, speed):
        if length_s:
            watcher.heard(min(1.0, answer.end_sample / SAMPLE_RATE_HZ / length_s))
        found = utterance_object(recording, answer)
        if found:
            objects.append(found)
            watcher.answered(recording, found)
    return objects


def _length_s(recording: str) -> float:
    """As its header says; 0 where it says nothing, and ``query_file`` says why."""
    try:
        return float(soundfile.info(recording).duration)
    except (OSError, soundfile.LibsndfileError):
        return 0.0


def _inside(folder: str) -> list[str]:
    """The recordings in a folder and the folders in it."""
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".")]
        found += [
            str(Path(where, file))
            for file in files
            if Path(file).suffix.lower() in SUFFIXES and not file.startswith(".")
        ]
    return sorted(found)
