"""Spans to a collector by OTLP over HTTP, with OpenTelemetry's own SDK (the extra ``[otel]``).

    emit ─► room? ─► SDK: queue ─► thread ─► OTLP/HTTP ─► collector
               └► dropped, counted            └► not taken in time: dropped, counted

``emit`` makes an object and puts it into a queue: no I/O, whether the collector answers or not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from speechsearch.tracing.options import TracingOptions
from speechsearch.tracing.spans import ROOT, Span, span_id, trace_id

BATCH = 512
DELAY_MS = 1000
"""Between two requests where there is little to send"""
CLOSE_S = 2.0
"""At its end a program waits so long for the collector, and for the request under way"""
Outcome = Literal["exported", "dropped"]
Counted = Callable[[Outcome, int], None]
log = logging.getLogger("speechsearch.tracing")


class Exporter:
    """One for a process; ``counted`` hears from any thread what became of spans."""

    def __init__(
        self, options: TracingOptions, service: str, version: str, counted: Counted | None = None
    ) -> None:
        self._counted, self._most = counted or _uncounted, options.most_waiting
        self._lock = threading.Lock()
        self._waiting = 0
        self._ids, self._sink = _Ids(), _Sink(options, self._settled)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": service, "service.version": version}),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._sink,
                max_queue_size=options.most_waiting,
                max_export_batch_size=min(BATCH, options.most_waiting),
                schedule_delay_millis=DELAY_MS,
            )
        )
        self._tracer = self._provider.get_tracer("speechsearch", version)

    def emit(self, span: Span) -> None:
        """Queue it, or where too many wait already drop it."""
        with self._lock:
            room = self._waiting < self._most and not self._sink.closed.is_set()
            if room:
                self._waiting += 1
                self._end(span)
        if not room:
            self._counted("dropped", 1)

    def close(self) -> None:
        """Deliver what waits as far as that goes in ``CLOSE_S``; the rest is dropped."""
        if self._sink.closed.is_set():
            return
        timer = threading.Timer(CLOSE_S, self._sink.shutdown)
        timer.daemon = True
        timer.start()
        self._provider.shutdown()
        timer.cancel()

    def _end(self, span: Span) -> None:
        """Begin and end it in the SDK, which queues it."""
        self._ids.now = _ids_of(span.session, span.utterance, span.path, span.ordinal)
        made = self._tracer.start_span(
            span.name,
            context=_above(span),
            kind=SpanKind.INTERNAL if span.parent else SpanKind.SERVER,
            attributes=span.attributes,
            links=_links(span),
            start_time=_ns(span.began_s),
        )
        if span.error:
            made.set_status(Status(StatusCode.ERROR, span.error))
        made.end(_ns(max(span.began_s, span.ended_s)))

    def _settled(self, outcome: Outcome, spans: int) -> None:
        with self._lock:
            self._waiting -= spans
        self._counted(outcome, spans)


class _Ids(IdGenerator):  # type: ignore[misc]
    """The ids of the span that is being made; told while ``Exporter`` holds its lock."""

    now = (0, 0)
    """Trace and span"""

    def generate_trace_id(self) -> int:
        return self.now[0]

    def generate_span_id(self) -> int:
        return self.now[1]


class _Sink(SpanExporter):  # type: ignore[misc]
    """The SDK's exporter, counted; says once that the collector is away, and once that it is back.

    The SDK says so at every request, on a terminal in the middle of the screen.
    """

    def __init__(self, options: TracingOptions, settled: Counted) -> None:
        headers = dict(pair.split("=", 1) for pair in options.pairs)
        self._otlp = OTLPSpanExporter(options.endpoint, headers=headers, timeout=options.timeout_s)
        self._endpoint, self._settled = options.endpoint, settled
        self._away = False
        self._ours = threading.local()
        self._their_log = logging.getLogger(OTLPSpanExporter.__module__)
        self._their_log.addFilter(self._is_not_ours)
        self.closed = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called by the SDK's thread."""
        result, self._ours.exporting = SpanExportResult.FAILURE, True
        try:
            if not self.closed.is_set():
                result = self._otlp.export(spans)
        finally:
            self._ours.exporting = False
            delivered = result is SpanExportResult.SUCCESS
            self._settled("exported" if delivered else "dropped", len(spans))
            self._say(away=not delivered)
        return result

    def shutdown(self) -> None:
        """Take no more, and give up what is being sent once more."""
        if not self.closed.is_set():
            self.closed.set()
            self._otlp.shutdown()
            self._their_log.removeFilter(self._is_not_ours)

    def _say(self, *, away: bool) -> None:
        if away != self._away:
            words = "does not take spans: they are dropped" if away else "takes spans again"
            log.warning("the collector at %s %s", self._endpoint, words)
        self._away = away

    def _is_not_ours(self, _: logging.LogRecord) -> bool:
        return not getattr(self._ours, "exporting", False)


def _uncounted(outcome: Outcome, spans: int) -> None:
    del outcome, spans


def _ids_of(session: str, utterance: int, path: str, ordinal: int = 0) -> tuple[int, int]:
    own = span_id(session, utterance, path, ordinal)
    return int(trace_id(session, utterance), 16), int(own, 16)


def _context(session: str, utterance: int, path: str) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(*_ids_of(session, utterance, path), is_remote=True, trace_flags=flags)


def _above(span: Span) -> Context:
    """What it hangs under; an empty context makes it the whole, whoever else traces here."""
    if not span.parent:
        return Context()
    above = _context(span.session, span.utterance, span.parent)
    return set_span_in_context(NonRecordingSpan(above), Context())


def _links(span: Span) -> list[Link]:
    if span.continues is None:
        return []
    return [Link(_context(span.session, span.continues, ROOT), {"speechsearch.link": "continues"})]


def _ns(seconds: float) -> int:
    return round(seconds * 1e6) * 1000  # a float of today's seconds is good to a microsecond
