"""A real microphone path: PulseAudio's null sink as the input, paplay as the person."""

import json
import subprocess
import time

import pytest

from tests.audio.pulse import Cables, needs_pulseaudio
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
    assert "not muted" in cable.run(*COMMAND, "doctor").stdout
    cable.run("pactl", "set-source-mute", "@DEFAULT_SOURCE@", "1")
    muted = cable.run(*COMMAND, "doctor", check=False)
    assert muted.returncode == 1
    assert "set-source-mute" in muted.stdout
