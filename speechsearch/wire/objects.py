"""One utterance as the JSON object that ``query --json`` prints and ``/v1/transcriptions`` sends,
and what else is said over plain HTTP: stable, documented formats.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from speechsearch.types import Hit
from speechsearch.wire.messages import Final

SERVER_STAGES = ("queue", "decode", "hypothesis", "search")


class WordObject(msgspec.Struct, frozen=True, kw_only=True):
    """A word, in seconds from the start of the file."""

    word: str
    start_s: float
    end_s: float
    confidence: float


class HitObject(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the catalogue."""

    id: str
    title: str
    score: float


class UtteranceObject(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one utterance of a recording. Every key is always there."""

    file: str
    utterance: int
    """From 1 in each file"""
    text: str
    confidence: float
    answer_confidence: float
    words: tuple[WordObject, ...]
    hits: tuple[HitObject, ...]
    timings_ms: dict[str, float]
    model: str
    ear: str
    endpoint_reason: str
    continues: int | None
    """The earlier utterance that this one takes in and replaces"""


class Transcription(msgspec.Struct, frozen=True, kw_only=True):
    """A whole recording, answered."""

    file: str
    duration_s: float
    model: str
    utterances: tuple[UtteranceObject, ...]


class ProgressObject(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a recording has been heard."""

    done_s: float
    total_s: float


class DoneObject(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a stream: everything was answered."""

    file: str
    duration_s: float
    model: str
    answered: int
    """How many ``utterance`` events came before"""


class SearchObject(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a typed query."""

    query: str
    hits: tuple[Hit, ...]
    timings_ms: dict[str, float]


class FaultObject(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong, and what to do."""

    code: str
    message: str
    hint: str


def utterance_object(file: str, final: Final, timings_ms: Mapping[str, float]) -> UtteranceObject:
    """The object of an answer with text."""
    return UtteranceObject(
        file=file,
        utterance=final.utterance,
        text=final.text,
        confidence=round(final.confidence, 4),
        answer_confidence=round(final.answer_confidence, 4),
        words=tuple(
            WordObject(
                word=word.word,
                start_s=round(word.start_s, 3),
                end_s=round(word.end_s, 3),
                confidence=round(word.confidence, 4),
            )
            for word in final.words
        ),
        hits=tuple(
            HitObject(id=hit.id, title=hit.title, score=round(hit.score, 4)) for hit in final.hits
        ),
        timings_ms=dict(timings_ms),
        model=final.model,
        ear=final.ear,
        endpoint_reason=final.endpoint_reason,
        continues=final.continues,
    )


def utterance_timings_ms(
    server: Mapping[str, float], endpoint_ms: float, after_ms: float
) -> dict[str, float]:
    """``endpoint`` = t1 - t0, then ``network`` and ``wait``: the server from the endpoint on.

    These three are all of ``end_of_speech_to_results`` = t3 - t0. The stages ``queue``, ``decode``,
    ``hypothesis`` and ``search`` mostly ran before the endpoint, in the pause.
    """
    wait_ms = min(after_ms, server.get("wait", 0.0))
    timings = {
        "endpoint": endpoint_ms,
        "network": after_ms - wait_ms,
        "wait": wait_ms,
        **{name: server.get(name, 0.0) for name in SERVER_STAGES},
        "end_of_speech_to_results": endpoint_ms + after_ms,
    }
    return {name: round(ms, 1) for name, ms in timings.items()}
