"""Where a server is: the one path of the protocol's socket, and addresses spelled for URLs."""

from __future__ import annotations

from urllib.parse import urlsplit

SOCKET_PATH = "/v1/stream"


def authority(host: str, port: int) -> str:
    """``host:port`` of a URL; IPv6 addresses in brackets (RFC 3986)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def socket_url(host: str, port: int) -> str:
    """Where the websocket of a server is."""
    return f"ws://{authority(host, port)}{SOCKET_PATH}"


def stream_url(given: str) -> str:
    """The websocket meant by an address as people write it: scheme and path may be missing.

    >>> stream_url("127.0.0.1:8765"), stream_url("https://books.example/")
    ('ws://127.0.0.1:8765/v1/stream', 'wss://books.example/v1/stream')
    """
    scheme, _, rest = given.strip().rpartition("://")
    scheme = {"": "ws", "http": "ws", "https": "wss"}.get(scheme, scheme)
    path = "" if SOCKET_PATH in rest else SOCKET_PATH
    return f"{scheme}://{rest.rstrip('/')}{path}"


def http_url(socket: str, path: str) -> str:
    """Where the server of a websocket has ``path``."""
    address = urlsplit(socket)
    return f"{'https' if address.scheme == 'wss' else 'http'}://{address.netloc}{path}"
