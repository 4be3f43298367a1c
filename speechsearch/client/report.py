"""One utterance as the JSON object that ``query --json`` prints: a stable, documented format."""

from __future__ import annotations

from typing import Any

import msgspec

from speechsearch.client.voice import Answer
from speechsearch.wire import messages as m
from speechsearch.wire import objects


def utterance_object(file: str, answer: Answer) -> dict[str, Any] | None:
    """The object of an answer; None where there was no speech. Every key is always there."""
    final = answer.message
    if not isinstance(final, m.Final):
        return None
    found: dict[str, Any] = msgspec.to_builtins(
        objects.utterance_object(file, final, answer.timings_ms)
    )
    return found
