"""A table of recordings through the very path of ``query``: client, VAD, socket, server."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from speechsearch.audio.player import read_audio
from speechsearch.client.query import query_sound
from speechsearch.client.session import Setup, server_for
from speechsearch.config import Settings
from speechsearch.errors import AudioFileError, ServerUnavailable, SpeechsearchError
from speechsearch.learning.conditions import Change
from speechsearch.learning.evaluate import Evaluation, outcome_of
from speechsearch.learning.heard import Expected, Heard, as_shown
from speechsearch.learning.measures import Outcome
from speechsearch.learning.table import Recording
from speechsearch.search.catalogue import demo_catalogue, read_catalogue
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.types import SAMPLE_RATE_HZ, Audio, Entry, Hit
from speechsearch.wire import messages as m
from speechsearch.wire.address import http_url

TYPED_TIMEOUT_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Ears:
    """A server that is there, and how it is spoken to."""

    url: str
    settings: Settings
    speed: float = 0.0
    """Times real time; 0: as fast as it goes, hangovers on the audio's clock all the same"""

    async def hear(self, samples: Audio, name: str) -> Heard:
        """What is shown of a recording in the end; raises what ``query`` would report."""
        answers = [
            (answer.message, answer.timings_ms)
            async for answer in query_sound(samples, name, self.url, self.settings, self.speed)
            if isinstance(answer.message, m.Final)
        ]
        return as_shown(answers)

    async def read(self, query: str) -> list[Hit]:
        """The hits of a typed query; raises ServerUnavailable."""
        return await asyncio.to_thread(self._typed, query[: m.MAX_QUERY_LETTERS])

    def _typed(self, query: str) -> list[Hit]:
        asked = urllib.parse.urlencode({"q": query, "limit": self.settings.search.limit})
        request = urllib.request.Request(  # noqa: S310 - http or https
            http_url(self.url, f"/v1/search?{asked}"),
            headers={"Authorization": f"Bearer {self.settings.server.token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TYPED_TIMEOUT_S) as answer:
                hits = json.load(answer)["hits"]
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise ServerUnavailable(f"the typed query {query!r} failed: {error}") from error
        return msgspec.convert(hits, list[Hit])


async def evaluate(
    recordings: Sequence[Recording],
    setup: Setup,
    change: Change,
    *,
    speed: float = 0.0,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Hear every recording, each in a session of its own, and type every transcript.

    A recording that cannot be read is left out and named; one that the server fails on counts as
    heard wrong. ``progress`` hears how many are done. Raises TableError where the table and the
    catalogue do not fit, AudioFileError where not one recording can be read.
    """
    entries = catalogue_of(setup.settings)
    expected = Expected(entries)
    unknown = expected.unknown_items(recordings)
    outcomes: list[Outcome] = []
    failed: dict[str, str] = {}
    async with server_for(setup, share=False) as url:
        ears = Ears(url, setup.settings, speed)
        for done, recording in enumerate(recordings, 1):
            try:
                outcomes.append(await _outcome(recording, ears, change, expected))
            except AudioFileError as error:
                failed[recording.name] = str(error)
            if progress:
                progress(done)
    if not outcomes:
        name, why = next(iter(failed.items()))
        raise AudioFileError(
            f"none of {len(failed)} recordings can be read; {name}: {why}",
            hint="Paths are relative to the table's folder",
        )
    about = {**_about(setup.settings, outcomes), "entries": len(entries), "unknown_items": unknown}
    return Evaluation(outcomes, failed, about)


def catalogue_of(settings: Settings) -> Sequence[Entry]:
    """The entries that a server with these settings searches; raises SearchIndexError."""
    if settings.search.index:
        return EmbeddedIndex.open(Path(settings.search.index)).entries
    return read_catalogue(demo_catalogue()).entries


async def _outcome(recording: Recording, ears: Ears, change: Change, expected: Expected) -> Outcome:
    samples = change.apply(read_audio(recording.path), recording.name)
    try:
        heard = await ears.hear(samples, recording.name)
    except SpeechsearchError as error:
        heard = Heard(error=str(error))
    typed: list[Hit] | None = None
    if recording.transcript and expected.of(recording):
        with contextlib.suppress(ServerUnavailable):  # then nothing is said about typing it
            typed = await ears.read(recording.transcript)
    seconds = len(samples) / SAMPLE_RATE_HZ
    return outcome_of(recording, seconds, heard, typed, expected)


def _about(settings: Settings, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "index": settings.search.index or "demo books",
        "model": next((o.heard.model for o in outcomes if o.heard.model), settings.asr.model),
        "decoder": settings.asr.decoder,
        "search": settings.search.mode,
        "second_pass": settings.asr.second_pass,
    }
