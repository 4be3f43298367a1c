"""The process around the app: the port, signals, the graceful end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from speechsearch.config import LOOPBACK, PRIVATE_SERVER_ENV, ServerOptions
from speechsearch.errors import ConfigError, ServerUnavailable
from speechsearch.server.heap import keep_large_blocks_out
from speechsearch.wire.messages import Limits


def bind(options: ServerOptions) -> socket.socket:
    """A listening socket; raises ServerUnavailable where the port is taken, ConfigError where
    the address is reachable from outside and no token is set.
    """
    if options.host not in LOOPBACK and not options.token:
        raise ConfigError(
            f"{options.host} can be reached from outside and no token is set",
            hint="Set server.token (SPEECHSEARCH_SERVER__TOKEN) or stay on 127.0.0.1",
        )
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        # named TCP: else asyncio leaves Nagle's algorithm on, and small answers wait 40 ms for it
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
        listening.listen(options.max_connections)
    except OSError as error:
        raise ServerUnavailable(
            f"cannot listen on {options.host}:{options.port}: {error.strerror or error}",
            hint="Another server may run there already: choose another --port, or stop it",
        ) from error
    return listening


class _Server(uvicorn.Server):
    """Ends after utterances in flight have their answer; a second signal ends at once."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app
        self._drain: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end; called by the signal handler."""
        del frame
        if self._drain is not None or not self.started:
            self.should_exit = self.force_exit = True
            return
        print(f"{signal.Signals(sig).name}: answering what is in flight", file=sys.stderr)
        self._drain = asyncio.get_running_loop().create_task(self._drain_and_exit())

    async def _drain_and_exit(self) -> None:
        try:
            await self._app.state.sockets.drain()
        finally:
            self.should_exit = True


def run(app: Starlette, listening: socket.socket) -> None:
    """Serve until a signal, then drain and return."""
    keep_large_blocks_out()
    limits = Limits()
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=max(limits.max_frame_bytes, limits.max_text_bytes) + 1024,
        ws_per_message_deflate=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    if os.environ.get(PRIVATE_SERVER_ENV):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    _Server(config, app).run(sockets=[listening])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
