"""Speak, and the thing you asked for is on the screen before you notice a wait.

``Client`` and ``SyncClient`` are for programs; the names below are loaded when they are used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own, without the time it takes to load
if TYPE_CHECKING:
    from speechsearch.client.client import Client
    from speechsearch.client.events import (
        Answer,
        Connected,
        Disconnected,
        Endpoint,
        Event,
        Failure,
        Nothing,
        Notice,
        Partial,
        Revised,
        SpeechStarted,
    )
    from speechsearch.client.sync import SyncClient
    from speechsearch.client.voice import Level
    from speechsearch.errors import SpeechsearchError
    from speechsearch.types import Hit, Word

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Client",
    "Connected",
    "Disconnected",
    "Endpoint",
    "Event",
    "Failure",
    "Hit",
    "Level",
    "Nothing",
    "Notice",
    "Partial",
    "Revised",
    "SpeechStarted",
    "SpeechsearchError",
    "SyncClient",
    "Word",
]

_HOMES = {
    "Client": "client.client",
    "SyncClient": "client.sync",
    "Level": "client.voice",
    "SpeechsearchError": "errors",
    "Hit": "types",
    "Word": "types",
}
"""Where a name is defined, if not among the client's events"""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'speechsearch' has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES.get(name, "client.events")
    return getattr(import_module(f"speechsearch.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
