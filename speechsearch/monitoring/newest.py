"""The newest utterances as the dashboard lists them: metadata, never a word of what was said."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from speechsearch.monitoring.observation import Observation
from speechsearch.monitoring.seen import Heard
from speechsearch.tracing.spans import trace_id
from speechsearch.types import SAMPLE_RATE_HZ

MOST = 200


class Newest:
    """Told of answers and of what is learnt about them later."""

    def __init__(self) -> None:
        self.utterances: deque[dict[str, Any]] = deque(maxlen=MOST)
        """Oldest first"""
        self.touched: set[str] = set()
        """Ids of utterances that are new or have changed"""

    def remember(self, heard: Heard, seen: Observation, now_s: float) -> None:
        """An utterance was answered."""
        result = heard.result
        identity = trace_id(heard.session, heard.utterance)
        self.utterances.append(
            {
                "id": identity,
                "at_s": now_s,
                "seconds": round(len(heard.passed.samples) / SAMPLE_RATE_HZ, 2),
                "level_dbfs": _rounded(seen.level_dbfs),
                "snr_db": _rounded(seen.snr_db),
                "confidence": _rounded(seen.confidence, 3),
                "answer_confidence": _rounded(seen.answer_confidence, 3),
                "hits": len(result.hits),
                "speech": bool(result.hypotheses),
                "wait_ms": round(heard.wait_ms, 1),
                "timings_ms": {name: round(ms, 1) for name, ms in result.timings_ms.items()},
                "model": result.model,
                "arm": heard.arm,
                "continues": result.continues is not None,
            }
        )
        self.touched.add(identity)

    def amend(self, session: str, utterance: int, **more: Any) -> None:
        """Something was learnt about an answer, where it is still among the newest."""
        identity = trace_id(session, utterance)
        for one in reversed(self.utterances):
            if one["id"] == identity:
                one.update({name: value for name, value in more.items() if value is not None})
                self.touched.add(identity)
                return

    def take_touched(self) -> list[dict[str, Any]]:
        """What is to be written down since the last call."""
        touched, self.touched = self.touched, set()
        return [one for one in self.utterances if one["id"] in touched]


def _rounded(value: float, digits: int = 1) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
