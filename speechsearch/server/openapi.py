"""The OpenAPI document of all that is answered over plain HTTP; its schemas are those of the very
types that are sent.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from speechsearch import __version__
from speechsearch.monitoring.snapshot import MOST_SPAN_S
from speechsearch.server.acts import Acknowledge, Silence
from speechsearch.server.faults import RETRY_AFTER_S
from speechsearch.wire.messages import MAX_HITS, MAX_QUERY_LETTERS
from speechsearch.wire.objects import (
    DoneObject,
    FaultObject,
    ProgressObject,
    SearchObject,
    Transcription,
    UtteranceObject,
)

ABOUT = """\
Voice search on your own machine. Speech that is spoken now goes over a websocket, `/v1/stream`,
whose protocol `speechsearch.v1` is described in `speechsearch/wire/PROTOCOL.md`; here is what is
answered over plain HTTP. Where the server has a token, `/metrics` and `/v1/` need it. Requests with
the `Origin` of another site, or a `Host` that is not the server's, are refused with 403. Where an
administrator's token is set, `/v1/rollout` lets new versions in (`server/rollout_routes.py`).
"""
EVENTS = """\
An event, with one JSON object as its data: `utterance` as each is answered, `progress` about twice
a second, and last `done` or `error`.
"""
FAULTS = {
    400: "The request makes no sense",
    401: "The token is missing or wrong",
    403: "The Host or the Origin may not use this server",
    405: "Not with this method",
    408: "The upload came too slowly",
    413: "Too many bytes, too long, or too large when unpacked",
    415: "No recording, or of a format, rate or number of channels that is not taken",
    422: "A recording that is damaged, cut short or empty",
    429: f"Too many recordings at once; Retry-After is {RETRY_AFTER_S} s",
    500: "The server failed",
    503: "The server is ending, or too busy",
}
TYPES = (
    Acknowledge, DoneObject, FaultObject, ProgressObject, SearchObject, Silence, Transcription,
    UtteranceObject,
)  # fmt: skip
SECURED: dict[str, Any] = {"security": [{"token": []}, {}]}


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "speechsearch",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/v1/transcriptions": {"post": _transcriptions()},
            "/v1/search": {"get": _search()},
            "/healthz": {"get": _plain("Whether the process is alive", 403, 405)},
            "/readyz": {"get": _ready()},
            "/metrics": {"get": _plain("Prometheus metrics", 401, 403, 405) | SECURED},
            "/v1/monitoring": {"get": _monitoring(WATCHED, "What the dashboard shows", 3600)},
            "/v1/monitoring/review": {"get": _monitoring(REVIEWED, "Series and rules", MONTH_S)},
            "/v1/alarms/test": {"post": _act("Fire an alarm end to end")},
            "/v1/alarms/silence": {"post": _act("Tell nobody of a rule for a while", Silence)},
            "/v1/alarms/ack": {"post": _act("Say who looks after an alarm", Acknowledge)},
            "/openapi.json": {"get": _itself()},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _transcriptions() -> dict[str, Any]:
    stream = {
        "name": "stream",
        "in": "query",
        "description": "Events instead of one object; not given: whether Accept names them",
        "schema": {"type": "string", "enum": ["true", "false", "1", "0"]},
    }
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "contentMediaType": "application/octet-stream",
                "description": "WAV, FLAC, Ogg (Opus, Vorbis) or MP3, of any usual rate",
            }
        },
    }
    answer = {
        "description": "What was said and found",
        "content": {
            "application/json": {"schema": _ref(Transcription)},
            "text/event-stream": {"schema": _events()},
        },
    }
    return {
        "operationId": "transcribe",
        "summary": "Transcribe a recording, and search what is said in it",
        "description": "Cut into utterances and answered as `speechsearch query` does it.",
        "parameters": [stream],
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {"200": answer, **_faults(*FAULTS)},
        **SECURED,
    }


def _events() -> dict[str, Any]:
    """One event of the stream."""
    kinds = (
        ("utterance", UtteranceObject),
        ("progress", ProgressObject),
        ("done", DoneObject),
        ("error", FaultObject),
    )
    return {
        "description": EVENTS,
        "oneOf": [
            {
                "type": "object",
                "required": ["event", "data"],
                "properties": {
                    "event": {"const": name},
                    "data": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": _ref(kind),
                    },
                },
            }
            for name, kind in kinds
        ],
    }


def _search() -> dict[str, Any]:
    query = {
        "name": "q",
        "in": "query",
        "required": True,
        "description": "The words to search; more than blanks",
        "schema": {
            "type": "string", "minLength": 1, "maxLength": MAX_QUERY_LETTERS, "pattern": r"\S",
        },
    }  # fmt: skip
    limit = {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_HITS, "default": 10},
    }
    answer = {
        "description": "The hits, best first",
        "content": {"application/json": {"schema": _ref(SearchObject)}},
    }
    return {
        "operationId": "search",
        "summary": "The hits of a typed query",
        "parameters": [query, limit],
        "responses": {"200": answer, **_faults(400, 401, 403, 405)},
        **SECURED,
    }


def _ready() -> dict[str, Any]:
    ready = _plain("Whether model and index are loaded and warm", 403, 405)
    ready["responses"]["503"] = {
        "description": "Not yet, or no more",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return ready


WATCHED = "Numbers, alarms, drift and the last utterances, without a word of them"
REVIEWED = "Which series never moved, which alarms were acted on"
MONTH_S = 30 * 24 * 3600


def _monitoring(summary: str, shown: str, default_s: float) -> dict[str, Any]:
    span = {
        "name": "span",
        "in": "query",
        "description": "Seconds back from now",
        "schema": {"type": "number", "minimum": 60, "maximum": MOST_SPAN_S, "default": default_s},
    }
    answer = {
        "description": shown,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return {
        "summary": summary,
        "parameters": [span],
        "responses": {"200": answer, **_faults(400, 401, 403, 405)},
        **SECURED,
    }


def _act(summary: str, body: type[msgspec.Struct] | None = None) -> dict[str, Any]:
    answer = {
        "description": "What is in force now",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    act: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": answer, **_faults(400, 401, 403, 405, 413)},
        **SECURED,
    }
    if body:
        content = {"application/json": {"schema": _ref(body)}}
        act["requestBody"] = {"required": True, "content": content}
    return act


def _itself() -> dict[str, Any]:
    answer = {
        "description": "OpenAPI 3.1",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return {"summary": "This document", "responses": {"200": answer, **_faults(403, 405)}}


def _plain(summary: str, *faults: int) -> dict[str, Any]:
    answer = {
        "description": summary,
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return {"summary": summary, "responses": {"200": answer, **_faults(*faults)}}


def _faults(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": FAULTS[status],
            "content": {"application/json": {"schema": _ref(FaultObject)}},
        }
        for status in statuses
    }


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


DOCUMENT = msgspec.json.encode(openapi_document())


async def openapi(_: Request) -> Response:
    """``GET /openapi.json``."""
    return Response(DOCUMENT, media_type="application/json")
