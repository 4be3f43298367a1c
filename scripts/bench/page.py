"""The page in Chromium beside the terminal's client: the same recordings, the same server.

Chromium's fake microphone plays the recordings one after the other, each with its noise floor, into
the page, hands-free; then the terminal's client plays each. t0 is the manifest's label in both.

In the browser everything is counted on the clock of the sound. The sound that the page sends is
recorded, with its positions, from its websocket frames; the last words before a label lie in it
where the two correlate best, so that t0 is known to the sample, whatever the fake device did
before. t3 is the position that the page's own AudioContext had reached (its currentTime) once the
answer was in the document; t1 the sound the server had heard when it decided and how long that had
been there, and so without the way to the server. That clock goes in steps of the device's buffer
(10 ms), so t3 may be up to one too early; t3_by_page counts by performance.now() instead, each
position heard when it could have reached the page at the earliest, as the page itself shows it.
The terminal's instants are those of scripts/bench/latency.py. In both doors the way of the sound
from the device into the client is left out.

    scripts/bench_page
    scripts/bench_page --limit 35 --json page.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from played import play, read_rows
from playwright.async_api import Browser, Page, async_playwright

from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.client.private import private_server
from speechsearch.config import load_settings
from speechsearch.types import SAMPLE_RATE_HZ, Audio
from speechsearch.wire.address import http_url
from speechsearch.wire.codec import HEADER

ROOT = Path(__file__).resolve().parents[2]
DEVICE_RATE_HZ = 48_000
GAP_S = 1.0
LATE_S = 2.0
"""An answer whose speech ends so far from t0 is not that recording's"""
LAST_WORDS_S = 0.8
AFTER_S = 0.1
CORRELATES = 0.9
"""What the last words and their copy in the page's sound reach at least; others do not"""
SETTLED_MS = 500
SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000
LISTEN = """
window.answers = [];
document.addEventListener("speechsearch:answer", ({ detail }) => answers.push(detail));
"""


@dataclass
class Door:
    """What came of one recording through one door; times after t0."""

    path: str
    found: bool = False
    broken: bool = False
    """Whether Chromium's fake device left part of the last words out"""
    text: str = ""
    t1_ms: float | None = None
    t3_ms: float | None = None
    t3_by_page_ms: float | None = None


def fake_device(rows: list[dict[str, str]], out: Path) -> float:
    """Write what Chromium's microphone hears; its length in seconds."""
    first = read_audio(Path(rows[0]["file"]))
    pieces: list[Audio] = [noise_floor(first, round(GAP_S * SAMPLE_RATE_HZ))]
    for row in rows:
        sound = read_audio(Path(row["file"]))
        pieces += [sound, noise_floor(sound, round(GAP_S * SAMPLE_RATE_HZ))]
    whole = np.concatenate(pieces)
    soundfile.write(out, soxr.resample(whole, SAMPLE_RATE_HZ, DEVICE_RATE_HZ), DEVICE_RATE_HZ)
    return len(whole) / SAMPLE_RATE_HZ


def joined(frames: list[bytes]) -> tuple[int, Audio]:
    """The first position and all samples of the frames the page sent, in order, gapless."""
    first: int = HEADER.unpack_from(frames[0])[4]
    pcm = np.frombuffer(b"".join(frame[HEADER.size :] for frame in frames), "<i2")
    last_first: int = HEADER.unpack_from(frames[-1])[4]
    if first + len(pcm) != last_first + (len(frames[-1]) - HEADER.size) // 2:
        raise SystemExit("the page's sound has a gap: its positions cannot be told")
    return first, pcm.astype(np.float32) / 32768


def end_of_speech(row: dict[str, str], stream: Audio) -> int | None:
    """Where a recording's t0 lies in a stream; None where its sound got there broken.

    The last words are looked for by normalised cross-correlation: Chromium's fake device leaves
    sound out where the machine is too busy, and t0 is wanted right all the same.
    """
    t0 = round(float(row["t0"]) * SAMPLE_RATE_HZ)
    begin = max(0, t0 - round(LAST_WORDS_S * SAMPLE_RATE_HZ))
    words = read_audio(Path(row["file"]))[begin : t0 + round(AFTER_S * SAMPLE_RATE_HZ)]
    size = len(stream) + len(words)
    spectrum = np.fft.rfft(stream, size) * np.conj(np.fft.rfft(words, size))
    correlation = np.fft.irfft(spectrum, size)[: len(stream)]
    place = int(correlation.argmax())
    heard = stream[place : place + len(words)]
    likeness = float(correlation[place] / np.linalg.norm(heard) / np.linalg.norm(words))
    return place + t0 - begin if likeness >= CORRELATES else None


async def listen(page: Page, url: str, length_s: float) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Open the page hands-free until the fake microphone has played: frames sent, answers."""
    frames: list[bytes] = []

    def keep(sent: str | bytes) -> None:
        if isinstance(sent, bytes):
            frames.append(sent)

    page.on("websocket", lambda socket: socket.on("framesent", lambda sent: keep(sent)))  # noqa: PLW0108
    await page.add_init_script(LISTEN)
    await page.goto(http_url(url, "/"))
    await page.wait_for_selector("[data-connection=connected]")
    await page.click("#free")
    await page.wait_for_selector("[data-mode=free]")
    await page.wait_for_timeout(1000 * (length_s + LATE_S))
    return frames, await page.evaluate("answers")


def judged(
    rows: list[dict[str, str]], frames: list[bytes], answers: list[dict[str, Any]]
) -> list[Door]:
    """Each recording with the answer that stands for it."""
    first, stream = joined(frames)
    replaced = {answer["final"]["continues"] for answer in answers}
    standing = [one for one in answers if one["final"]["utterance"] not in replaced]
    doors = []
    for row in rows:
        door = Door(row["path"])
        doors.append(door)
        place = end_of_speech(row, stream)
        if place is None:
            door.broken = True
            continue
        t0 = first + place
        near = [a for a in standing if abs(a["final"]["end_sample"] - t0) < LATE_S * SAMPLE_RATE_HZ]
        if not near:
            continue
        answer = min(near, key=lambda a: abs(a["final"]["end_sample"] - t0))
        final, timings = answer["final"], answer["timings"]
        decided = final["end_sample"] + timings["endpoint"] * SAMPLES_PER_MS
        door.found = [hit["id"] for hit in final["hits"][:1]] == [row["item"]]
        door.text = final["text"]
        door.t1_ms = (decided - t0) / SAMPLES_PER_MS
        door.t3_ms = (answer["t3Sample"] - t0) / SAMPLES_PER_MS
        after_t0_ms = (final["end_sample"] - t0) / SAMPLES_PER_MS
        door.t3_by_page_ms = after_t0_ms + timings["end_of_speech_to_results"]
    return doors


async def through_terminal(rows: list[dict[str, str]], url: str) -> list[Door]:
    """The same recordings as the terminal hears them."""
    settings, doors = load_settings(), []
    for row in rows:
        played = await play(row, url, settings)
        door, answer = Door(row["path"]), played.covering
        doors.append(door)
        if answer:
            message = answer.message
            door.found = [h.id for h in getattr(message, "hits", ())[:1]] == [row["item"]]
            door.text = getattr(message, "text", "")
            door.t1_ms = played.after_t0_ms(answer.t1_s)
            door.t3_ms = played.after_t0_ms(answer.t3_s)
    return doors


async def through_page(
    rows: list[dict[str, str]], url: str, pictures: Path | None
) -> tuple[list[Door], str]:
    """The recordings as the page hears them, and which browser that was."""
    chromium = shutil.which("chromium")
    if not chromium:
        raise SystemExit("Chromium is missing: sudo apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "microphone.wav"
        length_s = fake_device(rows, recording)
        options = [
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={recording}%noloop",
        ]
        async with async_playwright() as playwright:
            browser: Browser = await playwright.chromium.launch(
                executable_path=chromium, args=options
            )
            page = await browser.new_page(viewport={"width": 920, "height": 760})
            frames, answers = await listen(page, url, length_s)
            if pictures:
                await photograph(page, pictures)
            version = browser.version
            await browser.close()
    return judged(rows, frames, answers), version


async def photograph(page: Page, folder: Path) -> None:
    """The page with its last answer: on a desk, and dark on a phone."""
    await page.click("#free")
    await page.mouse.move(0, 0)
    await page.wait_for_timeout(SETTLED_MS)
    await page.screenshot(path=folder / "page.png")
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_timeout(SETTLED_MS)
    await page.screenshot(path=folder / "page-phone.png")


def summary(doors: list[Door]) -> dict[str, Any]:
    """How many were right, and percentiles of the two instants."""
    figures: dict[str, Any] = {
        "n": len(doors),
        "broken": sum(door.broken for door in doors),
        "right": sum(door.found for door in doors),
    }
    for name in ("t1_ms", "t3_ms", "t3_by_page_ms"):
        values = [getattr(door, name) for door in doors if getattr(door, name) is not None]
        if values:
            figures[name] = {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95)}
    return figures


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Play everything through both doors."""
    rows = read_rows(ROOT / "audio_fixtures" / "manifest.tsv", arguments.limit)
    async with private_server() as server:
        page, browser = await through_page(rows, server.url, arguments.pictures)
        terminal = await through_terminal(rows, server.url)
    return {
        "browser": f"Chromium {browser}",
        "page": summary(page),
        "terminal": summary(terminal),
        "files": [
            {"path": row["path"], "page": vars(a), "terminal": vars(b)}
            for row, a, b in zip(rows, page, terminal, strict=True)
        ],
    }


def show(report: dict[str, Any]) -> None:
    """A line for each recording, and the sums."""

    def ms(value: float | None) -> str:
        return "   -   " if value is None else f"{value:4.0f} ms"

    print(f"{'t3-t0':40} page      terminal")
    for file in report["files"]:
        times = "   ".join(
            f"{ms(file[door]['t3_ms'])}{' ' if file[door]['found'] else '!'}"
            for door in ("page", "terminal")
        )
        print(f"{file['path']:40}{times}")
    for door in ("page", "terminal"):
        print(door, report[door])
    print(report["browser"])


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=5, help="the first N fixtures [5]")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write pictures of the page")
    arguments = parser.parse_args()
    report = asyncio.run(measure(arguments))
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
