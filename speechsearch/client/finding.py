"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    well: bool
    """Whether it works at all"""
    detail: str
    warns: bool = False
    """It works, but worse than it could"""

    @property
    def mark(self) -> str:
        """Its state in four letters."""
        if not self.well:
            return "MISS"
        return "warn" if self.warns else "ok  "

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"
