"""The terminal view in a real pseudo-terminal."""

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from speechsearch.client.session import Setup, listen_or_play
from speechsearch.config import load_settings
from speechsearch.errors import ConfigError
from tests.serving import COMMAND, ROOT


class Terminal:
    def __init__(self, *arguments, **variables):
        self.master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        environment |= {"PULSE_SERVER": "unix:/nonexistent", **variables}
        self.process = subprocess.Popen(
            [*COMMAND, "listen", *arguments],
            stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def until(self, pattern, timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"{pattern!r} never showed: {self.seen[-2000:]}"
            self.read()

    def read(self):
        """Take what is there: a terminal that is not read stops the program that draws on it."""
        if select.select([self.master], [], [], 0.5)[0]:
            try:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"it ended: {self.seen[-2000:]}") from None

    def press(self, keys):
        self.seen = ""
        os.write(self.master, keys.encode())

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(server):
    running = Terminal("--server", server.url, "--or-play", str(ROOT / "audio_fixtures"))
    yield running
    running.close()


def test_a_newcomer_sees_the_book_types_a_query_mutes_and_quits(terminal):
    terminal.until("listening")
    terminal.until("Pride and Prejudice")
    terminal.until("of 500 ms")
    terminal.press(" ")
    terminal.until("MUTED")
    terminal.press("/moby dick\r")
    terminal.until("Moby-Dick")
    terminal.press("q")
    assert terminal.process.wait(timeout=20) == 0


@pytest.fixture
def at_degree(server, tmp_path):
    """A terminal whose catalogue begins at a degree of automation."""
    running = []

    def begin(degree):
        running.append(
            Terminal(
                "--server", server.url, "--or-play", str(ROOT / "audio_fixtures"),
                SPEECHSEARCH_AUTOMATION__DEGREE=degree, XDG_DATA_HOME=str(tmp_path),
            )
        )  # fmt: skip
        return running[0]

    yield begin
    running[0].close()


def test_at_full_the_first_hit_is_opened_by_itself(at_degree):
    at_degree("full").until("copied “Pride and Prejudice”, by itself")


def test_in_the_shadow_nothing_heard_is_shown_and_what_is_picked_is_compared(at_degree, tmp_path):
    terminal = at_degree("shadow")
    terminal.until("q02")
    assert "Pride and Prejudice" not in terminal.seen
    terminal.press("/the time machine\r")
    terminal.until("The Time Machine")
    terminal.press("1")
    terminal.until("copied “The Time Machine”")
    terminal.press("q")
    assert terminal.process.wait(timeout=20) == 0
    (kept,) = (tmp_path / "speechsearch" / "automation").iterdir()
    assert json.loads(kept.read_text())["by_degree"]["shadow"]["answers"] == 1


async def test_hold_to_talk_without_a_terminal_says_so():
    with pytest.raises(ConfigError, match="needs a terminal"):
        await listen_or_play(Setup(load_settings()), None, None, hold=True)
