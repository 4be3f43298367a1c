"""Errors as answers of plain HTTP: a status, and a JSON object with code, message and hint."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from speechsearch import errors
from speechsearch.wire.objects import FaultObject

STATUS: dict[type[errors.SpeechsearchError], int] = {
    errors.MalformedMessage: 400,
    errors.Unauthorized: 401,
    errors.TooSlow: 408,
    errors.MessageTooLarge: 413,
    errors.TooMuchSound: 413,
    errors.UnsupportedAudio: 415,
    errors.AudioFileError: 422,
    errors.VersionError: 404,
    errors.IllegalTransition: 409,
    errors.Overloaded: 429,
    errors.ServerUnavailable: 503,
    errors.DeadlineExceeded: 503,
}
"""What is not here, nor derived from it, is the server's own fault: 500"""
RETRY_AFTER_S = 10


def status_of(error: errors.SpeechsearchError) -> int:
    """The HTTP status of an error: its own, or that of the nearest it derives from."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def fault_object(error: errors.SpeechsearchError) -> FaultObject:
    """What is told of an error."""
    return FaultObject(code=error.code, message=error.message, hint=error.hint)


def fault_response(error: errors.SpeechsearchError) -> Response:
    """The answer that an error is."""
    status, headers = status_of(error), {}
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(fault_object(error), status, headers)


async def failed(_: Request, error: Exception) -> Response:
    """What a route raises."""
    assert isinstance(error, errors.SpeechsearchError)  # noqa: S101 - it is registered for those
    return fault_response(error)


async def no_route(request: Request, error: Exception) -> Response:
    """What the router refuses: no such path, or not this method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    fault = FaultObject(
        code="not_found" if status == 404 else "method",
        message=f"there is no {request.method} {request.url.path[:100]}",
        hint="/openapi.json lists what there is",
    )
    return _answer(fault, status, headers)


def _answer(fault: FaultObject, status: int, headers: Mapping[str, str] | None) -> Response:
    body = msgspec.json.encode(fault)
    return Response(body, status, headers, media_type="application/json")
