"""One ASGI app, one port: websocket, health, metrics, typed search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from speechsearch.clock import Stopwatch
from speechsearch.config import ServerOptions
from speechsearch.errors import MalformedMessage, SpeechsearchError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.monitoring.watch import Watch
from speechsearch.pipeline import Pipeline
from speechsearch.server.answers import Answers
from speechsearch.server.automated import Automations
from speechsearch.server.dashboard import dashboard_routes
from speechsearch.server.faults import failed, no_route
from speechsearch.server.guard import Guard, check_token
from speechsearch.server.openapi import openapi
from speechsearch.server.page import page_routes
from speechsearch.server.sockets import Sockets
from speechsearch.server.transcriptions import Transcriptions
from speechsearch.types import SAMPLE_RATE_HZ
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire.address import SOCKET_PATH
from speechsearch.wire.messages import MAX_HITS, MAX_QUERY_LETTERS
from speechsearch.wire.objects import SearchObject

if TYPE_CHECKING:
    from speechsearch.server.rollouts import Rollouts


class Http:
    """The plain HTTP routes."""

    def __init__(self, answers: Answers, metrics: Metrics, sockets: Sockets, token: str) -> None:
        self._answers = answers
        self._metrics = metrics
        self._sockets = sockets
        self._token = token
        self.warm = False

    async def healthz(self, _: Request) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """Model and index are loaded and warm, and the server is not ending."""
        if self._sockets.draining:
            return PlainTextResponse("draining\n", 503)
        return PlainTextResponse(
            "ready\n" if self.warm else "warming up\n", 200 if self.warm else 503
        )

    async def metrics(self, request: Request) -> Response:
        """Prometheus text format."""
        check_token(request.headers, self._token)
        return Response(self._metrics.exposition(), media_type="text/plain; version=0.0.4")

    async def search(self, request: Request) -> Response:
        """``GET /v1/search?q=words&limit=10``: the hits of a typed query."""
        check_token(request.headers, self._token)
        query, limit = request.query_params.get("q", "").strip(), 10
        try:
            limit = int(request.query_params.get("limit", limit))
        except ValueError:
            limit = 0
        if not query or len(query) > MAX_QUERY_LETTERS or not 1 <= limit <= MAX_HITS:
            hint = f"Ask /v1/search?q=words, up to {MAX_QUERY_LETTERS} letters, limit 1..{MAX_HITS}"
            raise MalformedMessage("the query is empty or too long", hint=hint)
        hits, timings_ms = await self._answers.search(query, limit)
        answer = SearchObject(query=query, hits=tuple(hits), timings_ms=timings_ms)
        return Response(msgspec.json.encode(answer), media_type="application/json")


@dataclass(frozen=True, slots=True)
class Beside:
    """What looks on: other versions that answer some, the observer of all live traffic, and what
    people make of answers.
    """

    rollouts: Rollouts | None = None
    watch: Watch | None = None
    automations: Automations | None = None


def _presumed_load(pipeline: Pipeline) -> float:
    """Warm up, and measure what share of the model's time an average speaker takes.

    That is presumed to be a request of four seconds, heard twice (once at a pause that was not the
    end), every ten seconds.
    """
    pipeline.warm_up()
    sound = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE_HZ).astype(np.float32)
    watch = Stopwatch()
    pipeline.finder().ranker.rank("", pipeline.model.log_probs(sound))
    return 2 * watch.lap("answer") / 10_000


def create_app(
    answers: Answers,
    metrics: Metrics,
    options: ServerOptions,
    segmenter: Callable[[], Segmenter],
    beside: Beside | None = None,
) -> Starlette:
    """The app around one pipeline; ``app.state.sockets`` drains it.

    ``segmenter`` makes one for each recording that is sent in whole, and for each session whose
    utterances the server finds.
    """
    beside = beside or Beside()
    rollouts, watch = beside.rollouts, beside.watch
    sockets = Sockets(answers, metrics, options, segmenter, watch)
    sockets.automations = beside.automations
    if rollouts:
        sockets.seat = rollouts.attach(answers, metrics)
    http = Http(answers, metrics, sockets, options.token)
    transcriptions = Transcriptions(answers, metrics, options, segmenter, lambda: sockets.draining)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        answers.admission.newcomer_load = await asyncio.to_thread(_presumed_load, answers.pipeline)
        if watch:
            watch.gauges["queued"] = lambda: answers.waiting
            watch.start()
        async with rollouts.running() if rollouts else nullcontext():
            http.warm = True
            yield
        if beside.automations:
            await beside.automations.close()
        answers.close()
        if watch:
            await asyncio.to_thread(watch.close)

    app = Starlette(
        routes=[
            WebSocketRoute(SOCKET_PATH, sockets.serve),
            Route("/healthz", http.healthz),
            Route("/readyz", http.readyz),
            Route("/metrics", http.metrics),
            Route("/v1/search", http.search),
            Route("/v1/transcriptions", transcriptions, methods=["POST"]),
            Route("/openapi.json", openapi),
            *(rollouts.routes() if rollouts else ()),
            *page_routes(),
            *dashboard_routes(watch, options.token),
        ],
        exception_handlers={SpeechsearchError: failed, HTTPException: no_route},
        middleware=[Middleware(Guard, options=options)],
        lifespan=lifespan,
    )
    app.state.sockets = sockets
    return app
