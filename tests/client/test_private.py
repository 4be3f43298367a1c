import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from speechsearch.client.private import is_ready, private_server
from speechsearch.errors import ServerUnavailable


async def test_a_private_server_is_ready_and_ends_with_its_block():
    async with private_server() as server:
        port = int(server.url.split(":")[2].split("/")[0])
        assert is_ready("127.0.0.1", port)
    assert not is_ready("127.0.0.1", port)


async def test_a_private_server_that_is_killed_comes_back_at_the_same_address():
    async with private_server() as server:
        port = int(server.url.split(":")[2].split("/")[0])
        os.kill(server.pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while _alive(server.pid) or not await asyncio.to_thread(is_ready, "127.0.0.1", port):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_a_private_server_that_cannot_start_says_why():
    with pytest.raises(ServerUnavailable, match=r"did not start: there is no index at .*no-such"):
        async with private_server(["--index", "no-such"]):
            pass


def test_a_private_server_ends_when_its_client_is_killed():
    program = (
        "import asyncio\n"
        "from speechsearch.client.private import private_server\n"
        "async def main():\n"
        "    async with private_server() as server:\n"
        "        print(server.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    client = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    server_pid = int(client.stdout.readline())
    client.send_signal(signal.SIGKILL)
    client.communicate()
    for _ in range(200):
        if not _alive(server_pid):
            return
        time.sleep(0.1)
    os.kill(server_pid, signal.SIGKILL)
    raise AssertionError("the server outlived its client")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
