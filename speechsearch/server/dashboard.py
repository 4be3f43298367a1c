"""``/dashboard`` and what it is fed from: ``/v1/monitoring``, and the acts on alarms; and the page
``/dashboard/rollout``, which ``rollout_routes.py`` feeds.

The pages themselves hold no data and are open like ``/``; the numbers need the token, like
``/metrics``, and those of a rollout the administrator's.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from speechsearch.errors import ConfigError, MalformedMessage, MessageTooLarge
from speechsearch.monitoring.book import body_of
from speechsearch.monitoring.review import review
from speechsearch.monitoring.snapshot import MOST_SPAN_S, snapshot
from speechsearch.monitoring.watch import Watch
from speechsearch.server.acts import Acknowledge, Silence
from speechsearch.server.guard import check_token
from speechsearch.server.page import file_routes

MOST_BODY_BYTES = 4096
DEFAULT_SPAN_S = 3600
DEFAULT_REVIEW_S = 30 * 24 * 3600
T = TypeVar("T")


class Monitoring:
    """The routes around one watch."""

    def __init__(self, watch: Watch, token: str) -> None:
        self._watch = watch
        self._token = token

    async def read(self, request: Request) -> Response:
        """``GET /v1/monitoring?span=3600``."""
        check_token(request.headers, self._token)
        span_s = _span_s(request, DEFAULT_SPAN_S)

        def read() -> bytes:
            with self._watch.lock:
                return msgspec.json.encode(snapshot(self._watch, span_s))

        return _json(await asyncio.to_thread(read))

    async def review(self, request: Request) -> Response:
        """``GET /v1/monitoring/review?span=2592000``: the watch itself, watched."""
        check_token(request.headers, self._token)
        span_s = _span_s(request, DEFAULT_REVIEW_S)

        def read() -> bytes:
            watch, now_s = self._watch, self._watch.now_s()
            with watch.lock:
                watch.flush()
                points = watch.history.read(now_s - span_s, now_s)
                alarms = watch.history.notes("alarm")
            fired = [one for one in alarms if one["raised_s"] >= now_s - span_s]
            rules = [one["rule"] for one in watch.options.rows]
            found = {"span_s": span_s, **review(points, fired, rules)}
            return msgspec.json.encode(found)

        return _json(await asyncio.to_thread(read))

    async def test(self, request: Request) -> Response:
        """``POST /v1/alarms/test``: raise an alarm that goes the way of all."""
        check_token(request.headers, self._token)
        with self._watch.lock:
            entry = self._watch.book.test(self._watch.now_s())
            self._watch.tell(entry)
        return _json(msgspec.json.encode(body_of(entry)))

    async def silence(self, request: Request) -> Response:
        """``POST /v1/alarms/silence``."""
        check_token(request.headers, self._token)
        wanted = await _body(request, Silence)
        now_s = self._watch.now_s()
        with self._watch.lock:
            until_s = now_s + wanted.seconds
            self._watch.book.silence(wanted.rule, until_s, now_s)
            body = {"rule": wanted.rule, "until_s": until_s}
            self._watch.history.note("silence", [(wanted.rule, now_s, body)])
        return _json(msgspec.json.encode(body))

    async def acknowledge(self, request: Request) -> Response:
        """``POST /v1/alarms/ack``."""
        check_token(request.headers, self._token)
        wanted = await _body(request, Acknowledge)
        with self._watch.lock:
            try:
                entry = self._watch.book.acknowledge(wanted.rule, wanted.who)
            except ConfigError as error:
                raise MalformedMessage(error.message, hint=error.hint) from error
            self._watch.history.note("alarm", [(entry.id, entry.raised_s, body_of(entry))])
        return _json(msgspec.json.encode(body_of(entry)))


def monitoring_routes(watch: Watch | None, token: str) -> list[Route]:
    """None where nothing is watched."""
    if watch is None:
        return []
    routes = Monitoring(watch, token)
    return [
        Route("/v1/monitoring", routes.read),
        Route("/v1/monitoring/review", routes.review),
        Route("/v1/alarms/test", routes.test, methods=["POST"]),
        Route("/v1/alarms/silence", routes.silence, methods=["POST"]),
        Route("/v1/alarms/ack", routes.acknowledge, methods=["POST"]),
    ]


def dashboard_routes(watch: Watch | None, token: str) -> list[Route]:
    """The pages with their files, and what feeds the first."""
    return [
        *file_routes("dashboard_files", "/dashboard"),
        *file_routes("rollout_page", "/dashboard/rollout"),
        *monitoring_routes(watch, token),
    ]


def _span_s(request: Request, default_s: float) -> float:
    """Raises MalformedMessage."""
    try:
        span_s = float(request.query_params.get("span", default_s))
    except ValueError:
        span_s = 0.0
    if not 60 <= span_s <= MOST_SPAN_S:
        raise MalformedMessage("span is no number of seconds", hint=f"Ask for 60 to {MOST_SPAN_S}")
    return span_s


async def _body(request: Request, kind: type[T]) -> T:
    """Raises MessageTooLarge, MalformedMessage."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise MessageTooLarge(f"the body is over {MOST_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise MalformedMessage(str(error), hint="/openapi.json describes the object") from error


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
