"""A real microphone path: PulseAudio's null sink as the input, paplay as the person."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.serving import COMMAND

pytestmark = pytest.mark.skipif(
    not shutil.which("pulseaudio"), reason="PulseAudio is not installed (scripts/test installs it)"
)


class Cable:
    """A PulseAudio daemon whose microphone hears what is played."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            **os.environ,
            "PULSE_SERVER": f"unix:{folder}/socket",
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        }
        self.start()

    def start(self):
        self.daemon = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                "-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/socket",
                "-L", "module-null-sink sink_name=cable rate=48000",
            ],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            if self.run("pactl", "info", check=False).returncode == 0:
                break
            time.sleep(0.1)
        self.run("pactl", "set-default-source", "cable.monitor")

    def run(self, *command, check=True):
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=check
        )

    def play(self, path):
        self.run("paplay", "--device=cable", str(path))

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()


@pytest.fixture
def cable(tmp_path):
    running = Cable(tmp_path)
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
    assert "default" in listed
    assert "not muted" in cable.run(*COMMAND, "doctor").stdout
    cable.run("pactl", "set-source-mute", "@DEFAULT_SOURCE@", "1")
    muted = cable.run(*COMMAND, "doctor", check=False)
    assert muted.returncode == 1
    assert "set-source-mute" in muted.stdout
