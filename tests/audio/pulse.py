"""A PulseAudio daemon of its own for a test: cables whose microphones hear what is played."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

has_pulseaudio = shutil.which("pulseaudio") is not None
needs_pulseaudio = pytest.mark.skipif(
    not has_pulseaudio, reason="PulseAudio is not installed (scripts/test installs it)"
)


class Cables:
    """The daemon and its cables; ``environment`` leads a process there."""

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
        """Start it with the one cable, as the default microphone."""
        self.daemon = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                "-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/socket",
            ],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(200):
            if self.run("pactl", "info", check=False).returncode == 0:
                break
            time.sleep(0.05)
        self.plug_in("cable", 48_000)
        self.make_default("cable")

    def run(self, *command, check=True):
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=check
        )

    def plug_in(self, name, rate_hz):
        """A cable more; ``norewinds`` makes it deliver sound every 50 ms, as a device does."""
        return self.run(
            "pactl", "load-module", "module-null-sink", f"sink_name={name}", f"rate={rate_hz}",
            "norewinds=1", f"sink_properties=device.description={name.capitalize()}",
        ).stdout.strip()  # fmt: skip

    @contextmanager
    def headset_of_8_khz(self):
        """An input that gives 8 kHz, as a Bluetooth headset in a call: it hums at 1 kHz."""
        path, ended = self.folder / "headset", threading.Event()
        self.run(
            "pactl", "load-module", "module-pipe-source", "source_name=headset", f"file={path}",
            "rate=8000", "channels=1", "format=s16le",
            "source_properties=device.description=Headset",
        )  # fmt: skip
        tone = np.sin(2 * np.pi * 1000 * np.arange(800) / 8000) * 8000

        def hum():
            with path.open("wb", buffering=0) as pipe:
                while not ended.wait(0.095):
                    pipe.write(tone.astype("<i2").tobytes())

        humming = threading.Thread(target=hum)
        humming.start()
        try:
            yield
        finally:
            ended.set()
            humming.join()

    def pull_out(self, module):
        self.run("pactl", "unload-module", module)

    def make_default(self, name):
        self.run("pactl", "set-default-source", f"{name}.monitor")

    def play(self, path, on="cable"):
        self.run("paplay", f"--device={on}", str(path))

    def playing(self, path):
        """The process that plays it on the cable."""
        return subprocess.Popen(["paplay", "--device=cable", str(path)], env=self.environment)

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait()
