"""The other end of ``peers_worker``: starts a system's process and has files played there."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from latency import ROOT
from played import Played, file_object

from speechsearch.errors import SpeechsearchError

PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
WORKER = Path(__file__).with_name("peers_worker.py")
LAST_LINES = 5
LONGEST_END_S = 30


class Worker:
    """A system in its own process; a file whose process is gone gets that as its error."""

    def __init__(self, name: str, *, own: bool, index: Path | None) -> None:
        python = sys.executable if own else str(PEERS_PYTHON)
        if not own and not PEERS_PYTHON.exists():
            raise SpeechsearchError(
                "the peers are not installed", hint="Run scripts/bench_peers, which installs them"
            )
        self.name = name
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(WORKER), name, *([str(index.absolute())] if index else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip
        assert self.process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert self.process.stdout is not None  # noqa: S101
        self._rows, self._replies = self.process.stdin, self.process.stdout
        try:
            self.ready = self._reply()
            """``set_up`` and ``bare_rss_mb``"""
        except SpeechsearchError:
            self.close()
            raise

    def play(self, row: dict[str, str]) -> dict[str, Any]:
        """The file's line in the report."""
        try:
            print(json.dumps(row), file=self._rows, flush=True)
            return self._reply()
        except (OSError, SpeechsearchError) as error:
            cost = {"audio_s": 0.0, "cpu_s": 0.0, "peak_rss_mb": 0.0}
            return {**file_object(Played(row, error=str(error))), **cost}

    def close(self) -> None:
        """End the process: it goes when there are no more rows."""
        with suppress(OSError):
            self._rows.close()
        try:
            self.process.wait(LONGEST_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._replies.close()
        self._said.close()

    def _reply(self) -> dict[str, Any]:
        line = self._replies.readline()
        if not line:
            self._said.seek(0)
            last = " / ".join(self._said.read().splitlines()[-LAST_LINES:])
            raise SpeechsearchError(f"the process of {self.name} has ended: {last or 'no reason'}")
        reply: dict[str, Any] = json.loads(line)
        return reply
