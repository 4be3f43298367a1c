"""The page of a rollout as Chromium shows it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rollout_crowd import ADMIN

SETTLE_MS = 500


def picture(port: int, out: Path) -> None:
    """To ``out``, and beside it on a phone in the dark."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"))
        for path, width, height, scheme in (
            (out, 1100, 1000, "light"), (out.with_stem(f"{out.stem}-phone"), 390, 844, "dark"),
        ):  # fmt: skip
            size: Any = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(f"http://127.0.0.1:{port}/dashboard/rollout")
            page.wait_for_selector("#token:not([hidden])")
            page.fill("#token-text", ADMIN)
            page.keyboard.press("Enter")
            page.wait_for_selector("#incidents li")
            page.wait_for_selector("#evidence tbody tr")
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=str(path))
        browser.close()
