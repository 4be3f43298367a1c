"""A real microphone path: PulseAudio's null sink as the input, paplay as the person."""

import json
import subprocess
import time

import pytest

from tests.audio.pulse import Cables, needs_pulseaudio
from tests.client.test_listen import Terminal
from tests.serving import COMMAND

pytestmark = needs_pulseaudio


@pytest.fixture
def cable(tmp_path):
    running = Cables(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def listening(cable, server):
    process = subprocess.Popen(
        [*COMMAND, "listen", "--server", server.url],
        env=cable.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.terminate()
    process.communicate()


def until(stream, words):
    """The first line with one of the words; the rest of the stream is left."""
    for line in stream:
        if any(word in line for word in words):
            return line
    raise AssertionError(f"the stream ended without {words}")


def test_a_book_spoken_into_the_microphone_is_found(cable, listening, fixtures):
    spoken = fixtures.queries[0]
    until(listening.stderr, ["connected"])
    time.sleep(1)
    cable.play(spoken.path)
    answer = json.loads(listening.stdout.readline())
    assert answer["hits"][0]["id"] == spoken.item
    assert answer["timings_ms"]["end_of_speech_to_results"] > answer["timings_ms"]["endpoint"]


def test_a_microphone_that_vanishes_is_said_and_waited_for(cable, listening, fixtures):
    spoken = fixtures.queries[0]
    until(listening.stderr, ["connected"])
    time.sleep(1)
    cable.stop()
    until(listening.stderr, ["is gone"])
    cable.start()
    until(listening.stderr, ["again"])
    time.sleep(1)
    cable.play(spoken.path)
    assert json.loads(listening.stdout.readline())["hits"][0]["id"] == spoken.item


def test_the_microphone_is_listed_and_the_doctor_sees_its_mute(cable):
    listed = cable.run(*COMMAND, "devices").stdout
    assert "Monitor of Cable" in listed
    well = cable.run(*COMMAND, "doctor").stdout
    assert "not muted" in well
    assert "set-source" not in well
    cable.run("pactl", "set-source-mute", "@DEFAULT_SOURCE@", "1")
    muted = cable.run(*COMMAND, "doctor", check=False)
    assert muted.returncode == 1
    assert "set-source-mute cable.monitor 0" in muted.stdout


def test_in_hold_to_talk_only_what_is_said_with_the_key_down_is_heard(cable, server, fixtures):
    terminal = Terminal("--server", server.url, "--hold", **cable.environment)

    def play(spoken):
        with cable.playing(spoken.path) as player:
            while player.poll() is None:
                terminal.read()

    try:
        terminal.until(r"(?s)held.*connected")
        play(fixtures.queries[2])
        terminal.press(" ")
        terminal.until("TALK")
        play(fixtures.queries[0])
        terminal.press(" ")
        terminal.until("of 500 ms")
        assert "Pride and Prejudice" in terminal.seen
        assert "Dracula" not in terminal.seen
        terminal.press("q")
        assert terminal.process.wait(timeout=20) == 0
    finally:
        terminal.close()
