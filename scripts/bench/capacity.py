"""How many people can speak at once: live speakers against one server held to one core.

Each speaker is one session that plays the files of a table back to back, in real time, with 3 s of
their own noise floor between. The server runs on core 0 (taskset), the speakers on the others. The
neural detector's answers are computed once for each file beforehand and remembered, so that the
load generator can carry more speakers than its cores could detect for; everything else is the
product's own client. A speaker whom the server refuses is counted, and speaks no further.

For each number of speakers: t3-t0 (t0 = the table's label), refused speakers, errors, files
spoken and those answered after their t0 (n), the server's CPU and memory, and whether p95 and
memory drift: the slope over the minutes of a long run, after the first five, with its standard
error.

    scripts/bench_capacity --speakers 5,10,20,30 --json capacity.json --picture capacity.png
    scripts/bench_capacity --speakers 16 --seconds 1800 --json soak.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from latency import own_cpu_s, percentiles, server_cost
from played import EARLY_S, read_rows

from speechsearch.audio.player import Playlist, noise_floor, read_audio
from speechsearch.client.connection import Connection, ConnectionState
from speechsearch.client.private import private_server
from speechsearch.client.voice import Answer, Voice
from speechsearch.client.voices import detector_of
from speechsearch.config import load_settings
from speechsearch.types import SAMPLE_RATE_HZ, Audio
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m

ROOT = Path(__file__).resolve().parents[2]
GAP_S = 96 * 512 / 16_000
"""3 s in whole frames of the detector"""
SERVER_CORE = 0
STAGGER_S = 8.0
"""Over which the speakers begin"""
SETTLED_S = 2.0
"""After which a file has its answer, or gets none"""
WARM_MINUTES = 5
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, eq=False)
class Recording:
    """A file ready to be played: its sound, its label, and the detector's answers on it."""

    samples: Audio
    t0_s: float
    probabilities: tuple[float, ...]
    """One for each 512 samples of sound and gap"""


@dataclass
class Remembered:
    """A detector that knows what it will hear."""

    probabilities: Sequence[float]
    name = "remembered"
    frame_samples = 512
    _next: int = 0

    def speech_probability(self, frame: Audio) -> float:
        """The answer computed beforehand."""
        del frame
        self._next += 1
        return self.probabilities[min(self._next, len(self.probabilities)) - 1]

    def reset(self) -> None:
        """Begin anew."""
        self._next = 0


@dataclass
class Outcome:
    """What came of one speaker."""

    waits_ms: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, t3-t0) of each file answered"""
    refused: bool = False
    errors: int = 0
    spoken: int = 0
    """Files that ended early enough to have an answer"""


def prepare(table: Path, limit: int) -> list[Recording]:
    """Read, pad to whole frames, and let the detector hear the first ``limit`` trusted rows."""
    settings, ready = load_settings(), []
    for row in read_rows(table, None):
        if float(row.get("t0_spread") or 0) > 0.3:
            continue
        sound = read_audio(Path(row["file"]))
        sound = np.concatenate([sound, noise_floor(sound, -len(sound) % 512)])
        heard = np.concatenate([sound, noise_floor(sound, round(GAP_S * SAMPLE_RATE_HZ))])
        detector = detector_of(settings)
        starts = range(0, len(heard) - 511, 512)
        probabilities = tuple(detector.speech_probability(heard[s : s + 512]) for s in starts)
        ready.append(Recording(sound, float(row["t0"]), probabilities))
        if len(ready) == limit:
            break
    return ready


async def speak(
    recordings: Sequence[Recording], url: str, until_s: float, outcome: Outcome
) -> None:
    """One speaker from the first file on until the time is over."""
    settings = load_settings()
    source = Playlist([(str(n), r.samples) for n, r in enumerate(recordings)], tail_s=GAP_S)
    detector = Remembered([p for r in recordings for p in r.probabilities])
    connection = Connection(url, settings.server.token, retry=False)
    voice = Voice(source, Segmenter(detector, settings.vad), connection)
    lengths = [512 * len(recording.probabilities) for recording in recordings]
    starts = [0, *np.cumsum(lengths)[:-1]]
    began_s, seen = time.perf_counter(), set[int]()
    async for event in voice.run():
        if isinstance(event, ConnectionState) and event.state == "lost":
            outcome.refused = not seen
            outcome.errors += bool(seen)
            return
        if isinstance(event, m.Error):
            outcome.errors += 1
        if isinstance(event, Answer):
            place = int(np.searchsorted(starts, event.end_sample, side="right")) - 1
            wait_ms = waited_ms(event, starts[place], recordings[place].t0_s)
            if wait_ms is not None and place not in seen:
                seen.add(place)
                outcome.waits_ms.append((event.t3_s - began_s, wait_ms))
        if time.perf_counter() > until_s:
            played_samples = (until_s - began_s - SETTLED_S) * SAMPLE_RATE_HZ
            outcome.spoken = int(np.searchsorted(np.add(starts, lengths), played_samples))
            return


def waited_ms(answer: Answer, start_sample: int, t0_s: float) -> float | None:
    """t3-t0 of the file that began at ``start_sample``; None where the answer is not that of t0."""
    behind_s = (start_sample + t0_s * SAMPLE_RATE_HZ - answer.end_sample) / SAMPLE_RATE_HZ
    spoken_until_s = answer.t0_s + behind_s
    if answer.t1_s < spoken_until_s - EARLY_S or not isinstance(answer.message, m.Final):
        return None
    return (answer.t3_s - spoken_until_s) * 1000


async def level(
    speakers: int, seconds: float, recordings: Sequence[Recording], arguments: Sequence[str]
) -> dict[str, Any]:
    """One number of speakers against a fresh server."""
    os.sched_setaffinity(0, {SERVER_CORE})  # the server inherits it
    async with private_server(arguments) as server:
        os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {SERVER_CORE})
        cpu_s, own_s, began_s = server_cost(server.pid)[0], own_cpu_s(), time.perf_counter()
        outcomes = [Outcome() for _ in range(speakers)]
        rng = random.Random(0)
        rounds = 1 + round(seconds / (len(recordings) * 8))
        async with watched(server.pid) as resident_mb, asyncio.TaskGroup() as group:
            for outcome in outcomes:
                order = rng.sample(recordings, len(recordings)) * rounds
                group.create_task(speak(order, server.url, began_s + seconds, outcome))
                await asyncio.sleep(STAGGER_S / speakers)
        wall_s = time.perf_counter() - began_s
        server_cpu_s, peak_rss_mb = server_cost(server.pid)
        waits = sorted(w for outcome in outcomes for w in outcome.waits_ms)
        minutes = by_minute(waits, resident_mb)
        return {
            "speakers": speakers,
            "served": sum(not outcome.refused for outcome in outcomes),
            "refused": sum(outcome.refused for outcome in outcomes),
            "n": len(waits),
            "t3_t0_ms": percentiles([ms for _, ms in waits]),
            "errors": sum(outcome.errors for outcome in outcomes),
            "answers_per_s": round(len(waits) / wall_s, 3),
            "server_core_share": round((server_cpu_s - cpu_s) / wall_s, 3),
            "generator_core_share": round((own_cpu_s() - own_s) / wall_s, 3),
            "spoken": sum(outcome.spoken for outcome in outcomes),
            "peak_rss_mb": round(peak_rss_mb, 1),
            **drift(minutes),
            "by_minute": minutes,
        }


@asynccontextmanager
async def watched(pid: int) -> AsyncIterator[list[tuple[float, float]]]:
    """(seconds, resident MB) of a process, once a second."""
    seen: list[tuple[float, float]] = []
    began_s, statm = time.perf_counter(), Path(f"/proc/{pid}/statm")

    def look() -> None:
        pages = int(statm.read_text().split()[1])
        seen.append((time.perf_counter() - began_s, pages * PAGE_MB))

    async def watch() -> None:
        while True:
            look()
            await asyncio.sleep(1)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()


def by_minute(
    waits: Sequence[tuple[float, float]], resident_mb: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
    """Each minute's percentiles and mean memory."""
    minutes: dict[int, list[float]] = {}
    for at_s, ms in waits:
        minutes.setdefault(int(at_s // 60), []).append(ms)
    return [
        {
            "minute": minute,
            "n": len(ms),
            **percentiles(ms),
            "rss_mb": round(float(np.mean([mb for s, mb in resident_mb if s // 60 == minute])), 1),
        }
        for minute, ms in minutes.items()
    ]


def drift(minutes: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Slope a minute and its its standard error of p95 and memory: nothing where too short."""
    settled = [one for one in minutes if one["minute"] >= WARM_MINUTES]
    if len(settled) < 2 * WARM_MINUTES:
        return {}
    slopes = {}
    for name in ("p95", "rss_mb"):
        x, y = [one["minute"] for one in settled], [one[name] for one in settled]
        line, covariance = np.polyfit(x, y, 1, cov=True)
        slopes[f"{name}_a_minute"] = [round(float(line[0]), 3), round(covariance[0, 0] ** 0.5, 3)]
    return slopes


def draw(levels: Sequence[dict[str, Any]], out: Path) -> None:
    """p95, throughput and CPU against the number of speakers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    speakers = [one["speakers"] for one in levels]
    for p in ("p50", "p95", "p99"):
        left.plot(speakers, [one["t3_t0_ms"][p] for one in levels], marker="o", label=p)
    left.axhline(500, color="crimson", linestyle="--", label="budget")
    left.set(xlabel="live speakers", ylabel="t3-t0, ms", ylim=(0, None))
    left.legend()
    right.plot(
        speakers, [one["server_core_share"] for one in levels], marker="o", label="CPU, cores"
    )
    right.plot(
        speakers, [one["answers_per_s"] for one in levels], marker="o", label="answers a second"
    )
    right.plot(
        speakers,
        [one["refused"] / one["speakers"] for one in levels],
        marker="o",
        label="refused share",
    )
    right.set(xlabel="live speakers", ylim=(0, None))
    right.legend()
    figure.savefig(out, dpi=120)


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = ROOT.parent / "shared" / "data" / "commands.tsv"
    parser.add_argument("--table", type=Path, default=commands, help="TSV with path and t0")
    parser.add_argument("--speakers", default="5,10,20,30", help="numbers of speakers")
    parser.add_argument("--seconds", type=float, default=90, help="for each number")
    parser.add_argument("--files", type=int, default=60, help="how many files speakers choose from")
    parser.add_argument("--index", type=Path, help="index to search; the demo books if not given")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="draw the curves")
    asked = parser.parse_args()
    arguments = ["--index", str(asked.index.absolute())] if asked.index else []
    recordings = prepare(asked.table, asked.files)
    levels = []
    for speakers in map(int, asked.speakers.split(",")):
        found = asyncio.run(level(speakers, asked.seconds, recordings, arguments))
        levels.append(found)
        print(json.dumps({k: v for k, v in found.items() if k != "by_minute"}), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(levels, indent=1))
    if asked.picture:
        draw(levels, asked.picture)


if __name__ == "__main__":
    main()
