"""A collector on loopback: takes OTLP over HTTP as a real one does, and keeps the spans."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Collector:
    """What came: ``spans`` by trace in hex; ``services`` and ``headers`` of the requests."""

    def __init__(self):
        self.spans, self.services, self.headers = [], set(), []
        self.status = 200
        self.endpoint = ""
        self.came = threading.Condition()

    def take(self, body):
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        request = ExportTraceServiceRequest.FromString(body)
        with self.came:
            for resource in request.resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                self.services.add(names["service.name"])
                for scope in resource.scope_spans:
                    self.spans += scope.spans
            self.came.notify_all()

    def wait_for(self, wanted, timeout_s=30):
        """Until ``wanted(spans)``; the spans."""
        with self.came:
            assert self.came.wait_for(lambda: wanted(self.spans), timeout_s), [
                one.name for one in self.spans
            ]
            return list(self.spans)


def attributes(span):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


@contextmanager
def collecting():
    pytest.importorskip("opentelemetry.proto", reason="needs the extra [otel]")
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.headers.append(dict(self.headers))
            if collector.status == 200 and self.path == "/v1/traces":
                collector.take(body)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    collector.endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
