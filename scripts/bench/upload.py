"""An hour of speech sent in whole: how long it takes, what memory it costs, whether its times are
right, and what those notice who speak meanwhile.

The recording is made of the fixtures in turns, each followed by 2 to 4 s of its own noise floor, as
one FLAC file. Where each begins is known; two references say where its first word begins:

    drift   the time of that word when the recording is sent alone, plus its place
    onset   the first 10 ms within 35 dB of the loudest, plus its place (clean recordings only)

Times are those of the first word of each utterance that stays. Peak memory is the server's (VmHWM),
reset before the upload. Then one person speaks orders in real time, each once alone and once while
the recording is being transcribed.

    scripts/bench_upload
    scripts/bench_upload --minutes 240 --json upload.json --speak 0
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import soundfile
from latency import percentiles, server_cost
from played import Played, play, read_rows
from splicing import speech_span

from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.client.private import PrivateServer, private_server
from speechsearch.config import load_settings
from speechsearch.types import SAMPLE_RATE_HZ, Audio

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "audio_fixtures" / "manifest.tsv"
PAUSE_S = (2.0, 4.0)
BOUNDARY = "speechsearch-upload"
UPLOAD_BEGINS_S = 3.0
"""Until it was received and measured"""
BELONGS_S = 0.5
"""So far outside its recording may a first word be taken to begin"""


@dataclass(frozen=True, eq=False)
class Spoken:
    """A recording, and where speech begins in it."""

    name: str
    samples: Audio
    onset_s: float | None
    """None where noise hides it"""


@dataclass(frozen=True)
class Placed:
    """Where a recording lies in the long one."""

    which: int
    start_s: float
    end_s: float


def recordings() -> list[Spoken]:
    """The spoken fixtures."""
    found = []
    for row in read_rows(FIXTURES, None):
        sound = read_audio(Path(row["file"]))
        clean = not row["snr_db"] and not row["room"]
        onset_s = speech_span(sound)[0] / SAMPLE_RATE_HZ if clean else None
        found.append(Spoken(row["file"], sound, onset_s))
    return found


def write_long(out: Path, spoken: Sequence[Spoken], minutes: float) -> list[Placed]:
    """The recordings in turns until the time is over; where each lies."""
    random, placed, at = np.random.default_rng(0), [], 0
    with soundfile.SoundFile(out, "w", SAMPLE_RATE_HZ, 1, "PCM_16", format="FLAC") as file:
        while at < minutes * 60 * SAMPLE_RATE_HZ:
            which = len(placed) % len(spoken)
            sound = spoken[which].samples
            pause = round(random.uniform(*PAUSE_S) * SAMPLE_RATE_HZ)
            file.write(sound)
            file.write(noise_floor(sound, pause))
            start_s, end_s = at / SAMPLE_RATE_HZ, (at + len(sound)) / SAMPLE_RATE_HZ
            placed.append(Placed(which, start_s, end_s))
            at += len(sound) + pause
    return placed


@contextmanager
def answering(url: str, path: Path) -> Iterator[http.client.HTTPResponse]:
    """The stream of events that a file is answered with."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{path.name}"\r\n\r\n'
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        "Accept": "text/event-stream",
    }

    def body() -> Iterator[bytes]:
        yield head
        with path.open("rb") as file:
            while piece := file.read(2**16):
                yield piece
        yield tail

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=3600)
    try:
        connection.request("POST", "/v1/transcriptions", body(), headers)
        yield connection.getresponse()
    finally:
        connection.close()


def send(url: str, path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The utterances of a file and its end."""
    utterances, name, last = [], "", {}
    with answering(url, path) as answer:
        for line in answer:
            word, _, rest = line.decode().rstrip().partition(": ")
            if word == "event":
                name = rest
            elif word == "data":
                last = json.loads(rest)
                if name == "utterance":
                    utterances.append(last)
    if name != "done":
        raise SystemExit(f"the upload failed: {last}")
    return utterances, last


def send_until(url: str, path: Path, over: threading.Event) -> None:
    """Have a file transcribed, and leave when it is ``over``."""
    with answering(url, path) as answer:
        for _ in answer:
            if over.is_set():
                return


def first_words_s(utterances: Sequence[dict[str, Any]]) -> list[float]:
    """Where the utterances that stay begin."""
    replaced = {one["continues"] for one in utterances}
    stay = (one for one in utterances if one["utterance"] not in replaced)
    return sorted(one["words"][0]["start_s"] for one in stay if one["words"])


def errors_ms(
    found_s: Sequence[float], placed: Sequence[Placed], inside_s: Sequence[float | None]
) -> dict[str, Any]:
    """How far first words are from where they belong: ``inside_s`` of each recording's start."""
    errors, missed = [], 0
    for one in placed:
        expected_s = inside_s[one.which]
        if expected_s is None:
            continue
        own = [s for s in found_s if one.start_s - BELONGS_S < s < one.end_s + BELONGS_S]
        if own:
            errors.append(1000 * abs(own[0] - one.start_s - expected_s))
        else:
            missed += 1
    return {
        "n": len(errors),
        **percentiles(errors),
        "largest": round(max(errors), 1),
        "over_100_ms": sum(error > 100 for error in errors),
        "without_an_utterance": missed,
    }


def resident_mb(pid: int) -> float:
    """What of the process is in memory now (Linux /proc)."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def times_and_memory(server: PrivateServer, long: Path, minutes: float) -> dict[str, Any]:
    """Send the short ones alone, then the long one."""
    spoken = recordings()
    placed = write_long(long, spoken, minutes)
    alone = [first_words_s(send(server.url, Path(one.name))[0]) for one in spoken]
    before_mb, cpu_before_s = resident_mb(server.pid), server_cost(server.pid)[0]
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # VmHWM anew
    began_s = time.perf_counter()
    utterances, done = send(server.url, long)
    took_s = time.perf_counter() - began_s
    cpu_s, peak_mb = server_cost(server.pid)
    found_s = first_words_s(utterances)
    return {
        "sound_s": done["duration_s"],
        "file_mb": round(long.stat().st_size / 1e6, 1),
        "took_s": round(took_s, 1),
        "times_real_time": round(done["duration_s"] / took_s, 1),
        "server_cpu_s": round(cpu_s - cpu_before_s, 1),
        "rss_before_mb": round(before_mb, 1),
        "rss_peak_mb": round(peak_mb, 1),
        "rss_after_mb": round(resident_mb(server.pid), 1),
        "placed": len(placed),
        "utterances": len(utterances),
        "drift_ms": errors_ms(found_s, placed, [one[0] if one else None for one in alone]),
        "onset_ms": errors_ms(found_s, placed, [one.onset_s for one in spoken]),
    }


async def beside(server: PrivateServer, long: Path, orders: int) -> dict[str, Any]:
    """t3-t0 of orders in real time, each alone and then while the recording is transcribed: by
    turns, so that whatever else the machine does falls on both.
    """
    rows, settings = read_rows(FIXTURES, orders), load_settings()
    alone: list[Played] = []
    together: list[Played] = []
    for row in rows:
        alone.append(await play(row, server.url, settings))
        over = threading.Event()
        uploading = asyncio.create_task(asyncio.to_thread(send_until, server.url, long, over))
        await asyncio.sleep(UPLOAD_BEGINS_S)
        together.append(await play(row, server.url, settings))
        if uploading.done():
            raise SystemExit("the recording is too short: the upload was over before the order")
        over.set()
        await uploading
    return {
        "orders": orders,
        "alone_ms": percentiles([wait_ms(one) for one in alone if one.covering]),
        "beside_ms": percentiles([wait_ms(one) for one in together if one.covering]),
        "unanswered": sum(one.covering is None for one in (*alone, *together)),
    }


def wait_ms(played: Played) -> float:
    """t3-t0 of a file."""
    answer = played.covering
    return played.after_t0_ms(answer.t3_s) if answer else 0.0


async def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """All of it, against a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.flac"
        async with private_server() as server:
            report = await asyncio.to_thread(times_and_memory, server, long, asked.minutes)
            if asked.speak:
                report["live"] = await beside(server, long, asked.speak)
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60, help="length of the recording")
    parser.add_argument("--speak", type=int, default=20, help="orders spoken beside it; 0: none")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    asked = parser.parse_args()
    report = asyncio.run(measure(asked))
    print(json.dumps(report, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
