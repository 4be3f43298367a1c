"""What choosing a hit does on the desktop: open its address, or copy its title."""

from __future__ import annotations

import base64
import sys
import webbrowser
from urllib.parse import urlsplit

from speechsearch.types import Hit


def open_hit(hit: Hit) -> str:
    """Open the hit's web address, or copy its title; says what was done.

    Only http and https addresses are opened: a catalogue must not be able to start programs.
    """
    if urlsplit(hit.url).scheme in ("http", "https") and webbrowser.open(hit.url):
        return f"opened {hit.url}"
    copy_text(hit.title)
    return f"copied “{hit.title}”"


def copy_text(text: str) -> None:
    """Put text on the clipboard through the terminal (OSC 52, xterm control sequences)."""
    encoded = base64.b64encode(text.encode()).decode()
    sys.stdout.write(f"\x1b]52;c;{encoded}\x07")
    sys.stdout.flush()
