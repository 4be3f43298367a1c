"""One utterance as the JSON object that ``query --json`` prints: a stable, documented format."""

from __future__ import annotations

from typing import Any

from speechsearch.client.voice import Answer
from speechsearch.types import Hit, Word
from speechsearch.wire import messages as m


def utterance_object(file: str, answer: Answer) -> dict[str, Any] | None:
    """The object of an answer; None where there was no speech. Every key is always there."""
    final = answer.message
    if not isinstance(final, m.Final):
        return None
    return {
        "file": file,
        "utterance": final.utterance,
        "text": final.text,
        "confidence": round(final.confidence, 4),
        "answer_confidence": round(final.answer_confidence, 4),
        "words": [_word(word) for word in final.words],
        "hits": [_hit(hit) for hit in final.hits],
        "timings_ms": answer.timings_ms,
        "model": final.model,
        "ear": final.ear,
        "endpoint_reason": final.endpoint_reason,
        "continues": final.continues,
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.word,
        "start_s": round(word.start_s, 3),
        "end_s": round(word.end_s, 3),
        "confidence": round(word.confidence, 4),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {"id": hit.id, "title": hit.title, "score": round(hit.score, 4)}
