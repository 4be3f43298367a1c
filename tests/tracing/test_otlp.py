import logging
import socket
import threading
import time
from collections import Counter

import pytest

from speechsearch.errors import ConfigError
from speechsearch.tracing.export import open_exporter, traces_of
from speechsearch.tracing.options import TracingOptions
from speechsearch.tracing.spans import ROOT, Span, Untraced, span_id, trace_id
from tests.tracing.collector import attributes, collecting

pytest.importorskip("opentelemetry.sdk", reason="needs the extra [otel]")
BEGAN_S = 1_800_000_000.25


@pytest.fixture
def collector():
    with collecting() as one:
        yield one


def span(path=ROOT, number=1, **more):
    return Span("s", number, path, BEGAN_S, BEGAN_S + 0.5, **more)


def sent(options, *spans):
    counts = Counter()
    exporter = open_exporter(options, "test", lambda outcome, n: counts.update({outcome: n}))
    for one in spans:
        exporter.emit(one)
    exporter.close()
    return counts


def test_a_span_arrives_with_its_ids_times_and_attributes(collector):
    child = span(f"{ROOT}/decode", attributes={"speechsearch.stage": "asr"}, ordinal=1)
    counts = sent(
        TracingOptions(collector.endpoint, headers="x-key=abc, y=1"),
        child, span(error="deadline", continues=7),
    )  # fmt: skip
    assert counts == {"exported": 2}
    decode, whole = collector.spans
    assert decode.trace_id.hex() == whole.trace_id.hex() == trace_id("s", 1)
    assert decode.parent_span_id == whole.span_id == bytes.fromhex(span_id("s", 1, ROOT))
    assert decode.span_id.hex() == span_id("s", 1, child.path, 1)
    assert whole.parent_span_id == b""
    assert decode.start_time_unix_nano == 1_800_000_000_250_000_000
    assert decode.end_time_unix_nano - decode.start_time_unix_nano == 500_000_000
    assert attributes(decode) == {"speechsearch.stage": "asr"}
    assert (whole.status.code, whole.status.message) == (2, "deadline")
    assert whole.links[0].trace_id.hex() == trace_id("s", 7)
    assert collector.headers[0]["x-key"] == "abc"
    assert collector.services == {"test"}


def test_what_the_collector_does_not_take_is_dropped_counted_and_said_once(collector, caplog):
    collector.status = 400
    with caplog.at_level(logging.WARNING):
        counts = sent(TracingOptions(collector.endpoint), *(span(number=n) for n in range(1300)))
    assert counts == {"dropped": 1300}
    assert collector.spans == []
    assert [one.name for one in caplog.records] == ["speechsearch.tracing"]


def test_where_nobody_listens_the_queue_stays_bounded_and_nobody_waits():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        options = TracingOptions(endpoint, timeout_s=0.2, most_waiting=10)
        counts, lock = Counter(), threading.Lock()

        def counted(outcome, n):
            with lock:
                counts[outcome] += n

        exporter = open_exporter(options, "test", counted)
        for n in range(1000):
            exporter.emit(span(number=n))
        assert counts["dropped"] >= 900  # at once, not after the collector's time
        exporter.close()
        exporter.emit(span())
    assert counts == {"dropped": 1001}


def test_a_collector_that_comes_back_gets_what_is_new(collector):
    counts = Counter()
    collector.status = 400
    options = TracingOptions(collector.endpoint)
    exporter = open_exporter(options, "test", lambda outcome, n: counts.update({outcome: n}))
    exporter.emit(span(number=1))
    until = time.monotonic() + 20
    while not counts and time.monotonic() < until:
        time.sleep(0.02)
    collector.status = 200
    exporter.emit(span(number=2))
    exporter.close()
    assert counts == {"dropped": 1, "exported": 1}
    assert [one.trace_id.hex() for one in collector.spans] == [trace_id("s", 2)]


def test_none_is_exported_unless_an_endpoint_is_named():
    assert isinstance(traces_of(TracingOptions()), Untraced)
    with pytest.raises(ConfigError, match="no http address"):
        TracingOptions("localhost:4318")
    with pytest.raises(ConfigError, match="name=value"):
        TracingOptions("http://localhost", headers="key")


def test_without_the_extra_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed") as raised:
        open_exporter(TracingOptions("http://localhost:4318/v1/traces"), "test")
    assert "speechsearch[otel]" in raised.value.hint
