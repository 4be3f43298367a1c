"""Drift, end to end: a real server, live sessions, and the alarm on its dashboard.

Grown-ups of ``phrases.tsv`` speak, each in a session of their own, in turns, as fast as the server
keeps up; half of them until the reference is frozen. The server is then started anew on the same
folder, the others speak, and from one moment on children. Hits that are right are opened. What is
said of it comes from the server alone: ``/v1/monitoring`` and ``speechsearch alarms list``.

    scripts/bench_drift_live --json drift_live.json --picture dashboard.png
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from drift import of_age
from evaluating import spoken_sentences

from speechsearch.audio.player import Player, read_audio
from speechsearch.audio.source import Block, SourceNotice
from speechsearch.client.connection import Connection
from speechsearch.client.private import private_server
from speechsearch.client.voice import Answer
from speechsearch.client.voices import recorded_voice
from speechsearch.config import load_settings
from speechsearch.learning.table import Recording
from speechsearch.search.embedded import build_index
from speechsearch.types import Entry
from speechsearch.wire import messages as m

GAP_S = 2.5
"""Between two things that one person says: no answer takes the one before in"""
SETTLE_S = 40
"""After the last session: the observer's thread catches up, thresholds are looked at"""


@dataclass
class Talk:
    """One speaker's recordings, played when it is their turn."""

    recordings: Sequence[Recording]
    turn: asyncio.Lock
    began_s: list[float]
    """When each recording of the whole crowd began"""
    name: str = "recording"
    overruns: int = 0
    starts: list[int] = field(default_factory=list)

    async def blocks(self) -> AsyncGenerator[Block | SourceNotice, None]:
        """Each recording with its noise floor, then somebody else's."""
        position = 0
        for one in self.recordings:
            async with self.turn:
                self.starts.append(position)
                self.began_s.append(time.time())
                player = Player(read_audio(one.path), speed=0.0, tail_s=GAP_S)
                async for block in player.blocks():
                    if isinstance(block, Block):
                        position += len(block.samples)
                    yield block

    def said_at(self, sample: int) -> str:
        """What is said around a sample of the session."""
        place = max(0, int(np.searchsorted(self.starts, sample, side="right")) - 1)
        return self.recordings[place].transcript


async def talk(url: str, source: Talk) -> None:
    """One session; opens the hits that are right."""
    settings = load_settings()
    connection = Connection(url, settings.server.token)
    async for event in recorded_voice(source, connection, settings).run():
        if not isinstance(event, Answer):
            continue
        hits = event.message.hits if isinstance(event.message, m.Final) else ()
        right = [hit.id for hit in hits if hit.title == source.said_at(event.end_sample)]
        if right:
            click = m.Feedback(utterance=event.utterance, action="click", hit=right[0])
            connection.say(click)


async def crowd(url: str, rows: Sequence[Recording], most: int) -> list[float]:
    """All speakers of ``rows`` in turns, some ``most`` recordings in all; when each began."""
    by_speaker = [list(own) for _, own in groupby(sorted(rows, key=_speaker), _speaker)]
    share = -(-most // len(by_speaker))
    turn, began_s = asyncio.Lock(), list[float]()
    async with asyncio.TaskGroup() as group:
        for own in by_speaker:
            group.create_task(talk(url, Talk(own[:share], turn, began_s)))
    return began_s


def _speaker(row: Recording) -> str:
    return row.columns["speaker"]


def state(url: str) -> dict[str, Any]:
    """The server's own account of the last day."""
    address = url.replace("ws://", "http://").replace("/v1/stream", "/v1/monitoring?span=86400")
    answer: dict[str, Any] = httpx2.get(address, timeout=60).raise_for_status().json()
    return answer


@contextlib.contextmanager
def environment(folder: str, freeze: int, sessions: int, every: int) -> Iterator[None]:
    """Settings of the servers to come."""
    wanted = {
        "MONITORING__FOLDER": folder,
        "MONITORING__DRIFT__FREEZE": str(freeze),
        "MONITORING__DRIFT__SESSIONS": str(sessions),
        "MONITORING__DRIFT__EVERY": str(every),
        "ASR__SECOND_PASS": "off",
        "SERVER__MAX_LOAD": "1000",  # they speak faster than people: nobody is to be turned away
    }
    before = dict(os.environ)
    os.environ.update({f"SPEECHSEARCH_{name}": value for name, value in wanted.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(frozen=True)
class Crowds:
    """Who speaks."""

    known: Sequence[Recording]
    """Half of the grown-ups: the reference"""
    others: Sequence[Recording]
    children: Sequence[Recording]
    titles: Sequence[str]

    @classmethod
    def of(cls, seed: int) -> Crowds:
        """Grown-ups split by speaker."""
        phrases, titles = spoken_sentences()
        grown = of_age(phrases, lambda age: age >= 16)
        speakers = sorted({_speaker(row) for row in grown})
        random.Random(seed).shuffle(speakers)
        known = set(speakers[: len(speakers) // 2])
        return cls(
            [row for row in grown if _speaker(row) in known],
            [row for row in grown if _speaker(row) not in known],
            of_age(phrases, lambda age: age < 12),
            titles,
        )


async def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Freeze, start anew, grown-ups, children."""
    crowds = Crowds.of(asked.seed)
    sessions = len({_speaker(row) for row in crowds.known})
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        build_index([Entry(one, one) for one in crowds.titles], index)
        arguments = ("--index", str(index))
        freeze = int(0.9 * len(crowds.known))
        with environment(f"{folder}/monitoring", freeze, sessions, asked.every):
            async with private_server(arguments) as server:
                await crowd(server.url, crowds.known, len(crowds.known))
                await asyncio.sleep(SETTLE_S)
                frozen = state(server.url)["drift"]
            if not frozen["frozen"]:
                raise SystemExit(f"no reference was frozen: {frozen['collected']} of {freeze}")
            async with private_server(arguments) as server:
                found = await watched(server.url, crowds, asked)
    return {"reference": {"utterances": frozen["utterances"], "sessions": sessions}, **found}


async def watched(url: str, crowds: Crowds, asked: argparse.Namespace) -> dict[str, Any]:
    """Grown-ups, then children, and what the server says of it."""
    before_s = await crowd(url, crowds.others, asked.before)
    await asyncio.sleep(SETTLE_S)
    calm = state(url)
    after_s = await crowd(url, crowds.children, asked.after)
    await asyncio.sleep(SETTLE_S)
    end = state(url)
    if asked.picture:
        await asyncio.to_thread(picture, url, asked.picture)
    return {
        "before": {"recordings": len(before_s), "alarms": _drifts(calm, before_s)},
        "after": {"recordings": len(after_s), "alarms": _drifts(end, after_s)},
        "dropped": end["dropped"],
        "listed": await asyncio.to_thread(alarms_list, url),
    }


def _drifts(account: dict[str, Any], began_s: Sequence[float]) -> list[dict[str, Any]]:
    """Alarms of drift, and how many recordings of this crowd had begun before each."""
    entries = {one["id"]: one for one in account["alarms"]["past"]}
    return [
        {
            "after_recordings": sum(at_s <= one["raised_s"] for at_s in began_s),
            **{key: one[key] for key in ("rule", "severity", "stage", "cause", "cleared_s")},
        }
        for one in sorted(entries.values(), key=lambda one: one["raised_s"])
        if one["rule"].startswith("drift_") and one["raised_s"] >= began_s[0]
    ]


def alarms_list(url: str) -> str:
    """What the verb says."""
    words = [sys.executable, "-m", "speechsearch", "alarms", "list", "--server", url]
    wide = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=wide).stdout


def picture(url: str, out: Path) -> None:
    """The dashboard as Chromium shows it, and beside it on a phone in the dark."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"))
        for path, width, height, scheme in (
            (out, 1280, 1400, "light"), (out.with_stem(f"{out.stem}-phone"), 390, 844, "dark"),
        ):  # fmt: skip
            size: Any = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(url.replace("ws://", "http://").replace("/v1/stream", "/dashboard"))
            page.wait_for_selector("[data-state=live]")
            page.wait_for_selector("#in-force li, #calm:not([hidden])")
            page.wait_for_selector("figure canvas")
            page.screenshot(path=str(path))
        browser.close()


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=int, default=150, help="recordings of other grown-ups")
    parser.add_argument("--after", type=int, default=200, help="recordings of children")
    parser.add_argument("--every", type=int, default=50, help="utterances between two looks")
    parser.add_argument("--seed", type=int, default=0, help="splits the grown-ups")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="the dashboard at the end")
    asked = parser.parse_args()
    found = asyncio.run(measure(asked))
    print(found.pop("listed"))
    print(json.dumps(found, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
