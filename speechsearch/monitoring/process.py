"""What the server's process costs: CPU and memory."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
STATM = Path("/proc/self/statm")


@dataclass(slots=True)
class Usage:
    """Measures from one call to the next."""

    _cpu_s: float = field(default_factory=time.process_time)
    _at_s: float = field(default_factory=time.monotonic)

    def since_last(self) -> dict[str, float]:
        """``cpu_share`` of one core, ``memory_mb`` now (NaN where the system does not say)."""
        cpu_s, at_s = time.process_time(), time.monotonic()
        share = (cpu_s - self._cpu_s) / max(1e-9, at_s - self._at_s)
        self._cpu_s, self._at_s = cpu_s, at_s
        return {"cpu_share": share, "memory_mb": resident_mb()}


def resident_mb() -> float:
    """Memory that is in use now."""
    try:
        return int(STATM.read_text().split()[1]) * PAGE_MB
    except (OSError, ValueError, IndexError):
        return math.nan
