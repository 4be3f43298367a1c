"""Results and errors as messages of the wire."""

from __future__ import annotations

from speechsearch.errors import SpeechsearchError
from speechsearch.types import Result
from speechsearch.wire import messages as m
from speechsearch.wire.events import UtteranceEnded


def answer_message(
    result: Result,
    ended: UtteranceEnded,
    wait_ms: float,
    *,
    revising: bool = False,
    arm: str = m.CHAMPION,
) -> m.Final | m.Nothing:
    """``final`` for speech, ``nothing`` for anything else; ``wait`` = from the endpoint on."""
    timings_ms = {name: round(ms, 3) for name, ms in result.timings_ms.items()}
    timings_ms["wait"] = round(wait_ms, 3)
    if not result.hypotheses:
        return m.Nothing(utterance=result.utterance, why=result.why_nothing, timings_ms=timings_ms)
    best = result.hypotheses[0]
    return m.Final(
        utterance=result.utterance,
        text=best.text,
        confidence=best.confidence,
        words=best.words,
        hypotheses=result.hypotheses,
        hits=result.hits,
        timings_ms=timings_ms,
        model=result.model,
        ear=result.ear,
        end_sample=ended.end_sample,
        endpoint_reason=ended.reason,
        arm=arm,
        continues=result.continues,
        answer_confidence=result.answer_confidence,
        revising=revising,
    )


def revised_message(result: Result) -> m.Revised:
    """What ``result`` says of an utterance that was answered before."""
    best = result.hypotheses[0]
    return m.Revised(
        utterance=result.utterance,
        text=best.text,
        confidence=best.confidence,
        words=best.words,
        ear=result.ear,
    )


def error_message(
    error: SpeechsearchError, utterance: int | None = None, *, fatal: bool | None = None
) -> m.Error:
    """The wire's form of an exception."""
    return m.Error(
        code=error.code,
        message=error.message,
        hint=error.hint,
        fatal=error.fatal if fatal is None else fatal,
        utterance=error.utterance if utterance is None else utterance,
    )
