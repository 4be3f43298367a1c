"""A server of one's own: started for a client that was given none, ended with it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import urllib.error
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from speechsearch.config import PRIVATE_SERVER_ENV
from speechsearch.errors import ServerUnavailable
from speechsearch.wire.address import authority, socket_url

RESTART_S = 0.5
START_TIMEOUT_S = 120.0
"""The first start on a machine compiles the sound scorer."""


def is_ready(host: str, port: int) -> bool:
    """Whether a warm server answers there."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{authority(host, port)}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass(frozen=True, slots=True)
class PrivateServer:
    """A server process that is ready."""

    url: str
    pid: int


@asynccontextmanager
async def private_server(arguments: Sequence[str] = ()) -> AsyncIterator[PrivateServer]:
    """Run ``speechsearch serve`` with further arguments on a free port of the loopback.

    Once ready it is started again where it dies. Raises ServerUnavailable with what it said where
    it does not start.
    """
    port, said = _free_port(), deque[str](maxlen=20)
    children = [await _spawn(port, arguments)]
    tasks = [asyncio.create_task(_collect(children[0], said))]
    try:
        await _wait_until_ready(children[0], port, said)
        tasks.append(asyncio.create_task(_keep_alive(children, port, arguments)))
        yield PrivateServer(socket_url("127.0.0.1", port), children[0].pid)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if children[-1].returncode is None:
            children[-1].terminate()
        await children[-1].communicate()


async def _spawn(port: int, arguments: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "speechsearch", "serve", "--host", "127.0.0.1", "--port", str(port),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, PRIVATE_SERVER_ENV: "1", "NO_COLOR": "1"},
    )  # fmt: skip


async def _keep_alive(
    children: list[asyncio.subprocess.Process], port: int, arguments: Sequence[str]
) -> None:
    """Start the server again, on the same port, whenever it has died."""
    while True:
        await children[-1].wait()
        await asyncio.sleep(RESTART_S)
        children.append(await _spawn(port, arguments))
        await _collect(children[-1], deque(maxlen=0))


async def _wait_until_ready(
    process: asyncio.subprocess.Process, port: int, said: deque[str]
) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await asyncio.to_thread(is_ready, "127.0.0.1", port):
                if process.returncode is not None:
                    raise ServerUnavailable(
                        f"the private server did not start: {_reason(said)}",
                        hint="speechsearch doctor says what is missing",
                    )
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise ServerUnavailable(
            f"the private server was not ready within {START_TIMEOUT_S:.0f} s"
        ) from None


def _reason(said: Iterable[str]) -> str:
    """From the word ``error:`` on where it is there; what the server said before is no reason."""
    words = " ".join(said)
    return words.rpartition("error: ")[2] or "no reason"


async def _collect(process: asyncio.subprocess.Process, said: deque[str]) -> None:
    assert process.stderr is not None  # noqa: S101 - it was asked for as a pipe
    async for line in process.stderr:
        said.append(line.decode(errors="replace").strip())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
