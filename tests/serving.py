"""A real server process on loopback, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "speechsearch")


@dataclass
class Server:
    process: subprocess.Popen
    port: int
    history: Path

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    @property
    def http(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self):
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.http}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.1)
        raise AssertionError("the server did not become ready")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=40)
        self.process.stderr.close()
        shutil.rmtree(self.history, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*arguments, port=None, **environment):
    """Start ``speechsearch serve``; it may not be ready yet."""
    port = port or free_port()
    history = Path(tempfile.mkdtemp(prefix="speechsearch-history-"))
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "SPEECHSEARCH_MONITORING__FOLDER": str(history),
            "XDG_DATA_HOME": str(history / "data"),
            **environment,
        },
    )
    return Server(process, port, history)


@contextmanager
def serving(*arguments, port=None, **environment):
    server = start(*arguments, port=port, **environment)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
