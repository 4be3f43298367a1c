"""What the last listening lost, kept for ``speechsearch doctor``."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

import msgspec

from speechsearch.config import cache_dir


class LastCapture(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a microphone."""

    ended_at: str
    """Local time"""
    device: str
    overruns: int
    missed_s: float


def remember(device: str, overruns: int, missed_s: float) -> None:
    """Keep it, over the one before; not where the cache cannot be written."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    last = LastCapture(ended_at=now, device=device, overruns=overruns, missed_s=missed_s)
    with contextlib.suppress(OSError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        _path().write_bytes(msgspec.json.encode(last))


def recall() -> LastCapture | None:
    """The last one; None where there was none."""
    try:
        return msgspec.json.decode(_path().read_bytes(), type=LastCapture)
    except (OSError, msgspec.DecodeError):
        return None


def _path() -> Path:
    return cache_dir() / "last-capture.json"
