"""Pages and their files, from the package: no build step, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page runs its own scripts and styles, talks to its own server, and nothing else"""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_routes() -> list[Route]:
    """``/`` and ``/assets/NAME`` for each file of the page; read once, now."""
    return file_routes("page_files", "/", "/assets")


def file_routes(folder: str, page: str, assets: str = "") -> list[Route]:
    """``page`` for the folder's ``index.html``, the others under ``assets`` (else the page)."""
    routes = []
    for file in sorted(
        files("speechsearch.server").joinpath(folder).iterdir(), key=lambda f: f.name
    ):
        path = page if file.name == "index.html" else f"{assets or page}/{file.name}"
        suffix = PurePosixPath(file.name).suffix
        if suffix in MEDIA_TYPES:
            routes.append(Route(path, _File(file.read_bytes(), MEDIA_TYPES[suffix]).answer))
    return routes


class _File:
    """Answers with a file's bytes, or that the browser has them already."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content = content
        self._media_type = media_type
        self._headers = HEADERS | {"ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"'}

    async def answer(self, request: Request) -> Response:
        """``GET``, with ``If-None-Match`` too."""
        if request.headers.get("if-none-match") == self._headers["ETag"]:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers, media_type=self._media_type)
