"""A server with rollouts, and people who speak to it in real time: sessions that come and go, each
asking for a few things, taking what they asked for where it is offered and saying so.
"""

from __future__ import annotations

import asyncio
import csv
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from capacity import GAP_S, Recording, Remembered
from played import EARLY_S

from speechsearch.audio.player import Playlist, noise_floor, read_audio
from speechsearch.client.connection import Connection, ConnectionState
from speechsearch.client.voice import Answer, Voice
from speechsearch.client.voices import detector_of
from speechsearch.config import load_settings
from speechsearch.search.embedded import build_index
from speechsearch.types import SAMPLE_RATE_HZ, Entry
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m

ADMIN = "bench"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CORPUS = "speechocean"
POLL_S = 0.2
READY_TRIES = 1200
REFUSED_S = 2.0
"""Before a person whom the server refused comes again"""


@dataclass(frozen=True, eq=False)
class Request:
    """A recording of a person who asks for the entry titled so."""

    recording: Recording
    title: str


@dataclass(frozen=True)
class Manner:
    """How people speak."""

    each: int = 2
    """Phrases of a session"""
    partials: bool = True
    """Whether they want to see text while they speak"""


@dataclass
class Heard:
    """What came of one recording."""

    at_s: float
    wait_ms: float | None
    """t3-t0; None where the answer was not that of its end"""
    model: str
    right: bool


@dataclass
class Tally:
    """What a crowd met with."""

    heard: list[Heard] = field(default_factory=list)
    sessions: int = 0
    spoken: int = 0
    lost: int = 0
    """Recordings without any answer"""
    errors: int = 0
    refused: int = 0

    def between(self, from_s: float, until_s: float) -> list[Heard]:
        """Of a span of the clock."""
        return [one for one in self.heard if from_s <= one.at_s < until_s]


def titles() -> list[str]:
    """Every distinct sentence of the corpus: the catalogue."""
    found = set()
    for name in ("train.tsv", "phrases.tsv"):
        with (DATA / name).open(newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            found |= {row["transcript"] for row in rows if CORPUS in row["source"]}
    return sorted(found)


def index_of(names: Sequence[str], out: Path) -> Path:
    """An index of those titles."""
    build_index([Entry(name, name) for name in names], out)
    return out


def requests(count: int, seed: int) -> list[Request]:
    """Phrases of many speakers, heard by the detector beforehand (``capacity.py`` says why)."""
    with (DATA / "phrases.tsv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if CORPUS in r["source"]]
    rows = [row for row in rows if row["t0"] and float(row["t0_spread"] or 0) <= 0.3]
    settings, ready = load_settings(), []
    for row in random.Random(seed).sample(rows, min(count, len(rows))):
        sound = read_audio(DATA / row["path"])
        sound = np.concatenate([sound, noise_floor(sound, -len(sound) % 512)])
        heard = np.concatenate([sound, noise_floor(sound, round(GAP_S * SAMPLE_RATE_HZ))])
        detector = detector_of(settings)
        starts = range(0, len(heard) - 511, 512)
        probabilities = tuple(detector.speech_probability(heard[s : s + 512]) for s in starts)
        ready.append(Request(Recording(sound, float(row["t0"]), probabilities), row["transcript"]))
    return ready


async def session(asked: Sequence[Request], url: str, tally: Tally, *, partials: bool) -> None:
    """One session from hello to bye; each answer is taken or, where it is wrong, said to be."""
    settings, recordings = load_settings(), [one.recording for one in asked]
    source = Playlist([(str(n), r.samples) for n, r in enumerate(recordings)], tail_s=GAP_S)
    detector = Remembered([p for r in recordings for p in r.probabilities])
    connection = Connection(url, settings.server.token, retry=False, partials=partials)
    voice = Voice(source, Segmenter(detector, settings.vad), connection)
    starts = [0, *np.cumsum([512 * len(r.probabilities) for r in recordings])[:-1]]
    seen: set[int] = set()
    greeted = False
    tally.sessions += 1
    async for event in voice.run():
        if isinstance(event, ConnectionState) and event.state == "lost":
            if not greeted:
                tally.refused += 1
                await asyncio.sleep(REFUSED_S)
                return
            tally.errors += 1
            break
        greeted |= isinstance(event, m.Ready)
        if isinstance(event, m.Error):
            tally.errors += 1
        if isinstance(event, Answer) and isinstance(event.message, m.Final):
            place = int(np.searchsorted(starts, event.end_sample, side="right")) - 1
            behind_s = starts[place] / SAMPLE_RATE_HZ + recordings[place].t0_s
            behind_s -= event.end_sample / SAMPLE_RATE_HZ
            late = event.t1_s >= event.t0_s + behind_s - EARLY_S
            wait_ms = (event.t3_s - event.t0_s - behind_s) * 1000 if late else None
            ids = [hit.id for hit in event.message.hits]
            title = asked[place].title
            seen.add(place)
            tally.heard.append(
                Heard(time.perf_counter(), wait_ms, event.message.model, ids[:1] == [title])
            )
            told = m.Feedback(
                utterance=event.utterance,
                action="click" if title in ids else "redo",
                hit=title if title in ids else "",
            )
            connection.say(told)
    tally.spoken += len(asked)
    tally.lost += len(asked) - len(seen)


async def person(
    everything: Sequence[Request], url: str, tally: Tally, manner: Manner, over: asyncio.Event
) -> None:
    """Session after session until it is over."""
    rng = random.Random(id(tally) + len(everything) + tally.sessions)
    while not over.is_set():
        await session(rng.sample(everything, manner.each), url, tally, partials=manner.partials)


@asynccontextmanager
async def crowd(
    people: int, everything: Sequence[Request], url: str, manner: Manner | None = None
) -> AsyncIterator[Tally]:
    """So many people speak inside the block."""
    tally, over = Tally(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(people):
            group.create_task(person(everything, url, tally, manner or Manner(), over))
            await asyncio.sleep(4.0 / people)
        try:
            yield tally
        finally:
            over.set()


class Admin:
    """The API, as its administrator."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/rollout"
        headers = {"Authorization": f"Bearer {ADMIN}"}
        self._client = httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False)

    async def status(self) -> dict[str, Any]:
        """Where it stands."""
        return dict((await self._client.get(self._url)).raise_for_status().json())

    async def history(self) -> dict[str, Any]:
        """What has happened."""
        return dict((await self._client.get(f"{self._url}/history")).raise_for_status().json())

    async def post(self, verb: str, **body: Any) -> dict[str, Any]:
        """Do something; raises what the server says against it."""
        answer = await self._client.post(f"{self._url}/{verb}", json={"who": "bench", **body})
        if answer.is_error:
            raise RuntimeError(answer.text)
        return dict(answer.json())

    async def until(self, *phases: str, within_s: float) -> dict[str, Any]:
        """The status once it has come to one of these phases, or the time is over."""
        until_s = time.perf_counter() + within_s
        while (status := await self.status())["phase"] not in phases:
            if time.perf_counter() > until_s:
                break
            await asyncio.sleep(POLL_S)
        return status


@dataclass(frozen=True)
class Served:
    """A server that is ready."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its websocket."""
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    @property
    def resident_mb(self) -> float:
        """Memory in use."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found.group(1)) / 1024 if found else 0.0


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """A server whose rollouts are kept in ``folder``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rollouts = {"TOKEN": ADMIN, "FOLDER": str(folder / "versions"), "TICK_S": "1"}
    named = {f"SPEECHSEARCH_ROLLOUT__{name}": value for name, value in rollouts.items()}
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "speechsearch", "serve", "--port", str(port), *arguments],
            stderr=file,
            env={**os.environ, **named, **environment},
        )
    try:
        for _ in range(READY_TRIES):
            try:
                ready = httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
                if ready.status_code == 200:
                    break
            except httpx2.HTTPError:
                pass
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(POLL_S)
        yield Served(process, port, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


def waits(heard: Sequence[Heard]) -> dict[str, Any]:
    """Percentiles of t3-t0 and how many they are of."""
    known = [one.wait_ms for one in heard if one.wait_ms is not None]
    if not known:
        return {"n": 0}
    p50, p95, p99 = np.percentile(known, (50, 95, 99)).round(0).tolist()
    return {"n": len(known), "p50": p50, "p95": p95, "p99": p99}
