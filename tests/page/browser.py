"""Chromium as a person at the page has it, with a recording in the microphone's place."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
import soxr

from speechsearch.audio.player import noise_floor, read_audio

CHROMIUM = shutil.which("chromium") or ""
DEVICE_RATE_HZ = 48_000
GAP_SAMPLES = 10_000
"""Noise floor after each recording: with its own silence more than one sentence's pause"""


def record(path, sounds):
    """A recording for the fake device: float32 16 kHz sounds one after the other."""
    whole = np.concatenate(sounds)
    soundfile.write(path, soxr.resample(whole, 16_000, DEVICE_RATE_HZ), DEVICE_RATE_HZ)
    return path


def with_gaps(paths):
    sounds = [read_audio(path) for path in paths]
    return [piece for sound in sounds for piece in (sound, noise_floor(sound, GAP_SAMPLES))]


@contextmanager
def playwright():
    """The one connection to browsers that a thread can have."""
    module = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (scripts/test installs it)")
    with module.sync_playwright() as running:
        yield running


@contextmanager
def chromium(running, *arguments, recording=None, allow=True):
    """A browser; ``recording`` is what its microphone hears, ``allow`` answers its question."""
    options = ["--no-sandbox", *arguments]
    if recording:
        options += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={recording}%noloop",
        ]
    if allow:
        options.append("--use-fake-ui-for-media-stream")
    browser = running.chromium.launch(executable_path=CHROMIUM, args=options)
    try:
        yield browser
    finally:
        browser.close()


WATCH = """
window.answers = [];
window.microphones = [];
const original = navigator.mediaDevices?.getUserMedia;
if (original) {
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await original.call(navigator.mediaDevices, wanted);
    microphones.push(stream);
    return stream;
  };
}
document.addEventListener("speechsearch:answer", ({ detail }) => answers.push(detail));
"""


@contextmanager
def opened(browser, url, *, wait="[data-connection=connected]", **options):
    """The page in a context of its own; what its console says besides notes fails the test."""
    context = browser.new_context(**options)
    context.route("**/*gutenberg.org/**", lambda route: route.fulfill(body="a book"))
    page = context.new_page()
    page.complaints, page.sent, page.reports = [], [], []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: note(page, said))
    page.on("websocket", lambda socket: socket.on("framesent", lambda sent: keep(page, sent)))
    page.add_init_script(WATCH)
    page.goto(url)
    if wait:
        page.wait_for_selector(wait)
    try:
        yield page
        assert [one for one in page.complaints if "WebSocket connection" not in one] == []
    finally:
        context.close()


def note(page, said):
    if said.type in ("error", "warning"):
        page.complaints.append(said.text)


def keep(page, sent):
    is_report = isinstance(sent, str) and json.loads(sent)["type"] == "report"
    (page.reports if is_report else page.sent).append(sent)


def answers(page, count, timeout_s=30):
    """So many answers of the server, once they are there."""
    page.wait_for_function("n => answers.length >= n", arg=count, timeout=timeout_s * 1000)
    return page.evaluate("answers")


def expect(page, selector, text):
    """Wait until an element has a text."""
    from playwright.sync_api import expect as expecting

    expecting(page.locator(selector)).to_have_text(text, timeout=15_000)
