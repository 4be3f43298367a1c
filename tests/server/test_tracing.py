"""From capture to click: a real client, a real server, a collector on loopback."""

import asyncio

import httpx
import pytest

from speechsearch import Client
from speechsearch.config import load_settings
from speechsearch.tracing.export import traces_of
from tests.serving import serving
from tests.tracing.collector import attributes, collecting


@pytest.fixture(scope="module")
def collector():
    with collecting() as one:
        yield one


async def say_and_open(url, path, **settings):
    async with Client(url, settings=load_settings(**settings)) as client:
        answers = await client.answers(path)
        await client.opened(answers[0], answers[0].hits[0])


def test_the_spans_of_client_and_server_are_one_trace_from_capture_to_click(collector, fixtures):
    settings = {"tracing": {"endpoint": collector.endpoint}}
    with serving(SPEECHSEARCH_TRACING__ENDPOINT=collector.endpoint) as server:
        asyncio.run(say_and_open(server.url, fixtures.queries[0].path, **settings))
        client = traces_of(load_settings(**settings).tracing)
        client.close()
        spans = collector.wait_for(
            lambda spans: {"client", "click", "utterance"} <= {one.name for one in spans}
        )
        exposition = httpx.get(f"{server.http}/metrics").text
    assert collector.services == {"speechsearch-client", "speechsearch-server"}
    assert len({one.trace_id for one in spans}) == 1
    names = [one.name for one in spans]
    for name in ("capture", "endpoint", "wait", "queue", "decode", "hypothesis", "search"):
        assert name in names, names
    assert 'speechsearch_spans_total{outcome="exported"}' in exposition
    check_shape({one.span_id: one for one in spans}, spans)


def check_shape(by_id, spans):
    """Every span hangs under one that came, and lies within the time of the whole."""
    assert len(by_id) == len(spans)
    (whole,) = (one for one in spans if not one.parent_span_id)
    assert whole.name == "utterance"
    for one in spans:
        assert one is whole or one.parent_span_id in by_id
        assert one.start_time_unix_nano <= one.end_time_unix_nano
    decode = next(one for one in spans if one.name == "decode")
    assert whole.start_time_unix_nano <= decode.start_time_unix_nano
    assert decode.end_time_unix_nano <= whole.end_time_unix_nano
    about = attributes(whole)
    assert (about["speechsearch.arm"], about["speechsearch.became"]) == ("champion", "clicked")
    texts = [str(value) for one in spans for value in attributes(one).values()]
    assert not any("garden" in text.lower() for text in texts)


def test_a_server_whose_collector_is_away_answers_all_the_same(fixtures):
    nowhere = "http://127.0.0.1:9/v1/traces"
    with serving(SPEECHSEARCH_TRACING__ENDPOINT=nowhere) as server:
        asyncio.run(say_and_open(server.url, fixtures.queries[0].path))
        until_dropped(server)


def until_dropped(server):
    for _ in range(150):
        if (
            'speechsearch_spans_total{outcome="dropped"}'
            in httpx.get(f"{server.http}/metrics").text
        ):
            return
        asyncio.run(asyncio.sleep(0.1))
    raise AssertionError("no span was counted as dropped")
