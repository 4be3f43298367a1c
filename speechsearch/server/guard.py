"""Who may talk to the server: no web page may use somebody's local socket.

A page of another site can open a websocket to 127.0.0.1 from its visitor's browser, or point its
own name there (DNS rebinding). Browsers always send Origin with a websocket and Host with every
request; programs outside a browser need no Origin.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from speechsearch.config import LOOPBACK, ServerOptions
from speechsearch.errors import Unauthorized


def check_access(host: str, origin: str | None, options: ServerOptions) -> None:
    """Raise Unauthorized for a Host that is not ours or a page that may not connect."""
    name = urlsplit(f"//{host}").hostname or ""
    if name not in LOOPBACK | {options.host, *options.allowed_hosts}:
        raise Unauthorized(
            f"the server does not answer as {host!r}",
            hint="Use its own address, or add the name to server.allowed_hosts",
        )
    if origin is None or origin in options.allowed_origins:
        return
    if urlsplit(origin).netloc != host:
        raise Unauthorized(
            f"pages of {origin!r} may not connect",
            hint="Open the server's own page, or add the origin to server.allowed_origins",
        )


def check_token(headers: Headers, token: str) -> None:
    """Raise Unauthorized where the server has a token and the request not the same."""
    given = headers.get("authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        raise Unauthorized(
            "the token is wrong",
            hint="Send Authorization: Bearer TOKEN with the server's token: server.token",
        )


class Guard:
    """ASGI middleware around everything; refuses with 403 before anything is accepted."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self._app = app
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            check_access(headers.get("host", ""), headers.get("origin"), self._options)
        except Unauthorized as error:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": error.message[:100]})
                return
            body = {"code": error.code, "message": error.message, "hint": error.hint}
            await JSONResponse(body, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)
