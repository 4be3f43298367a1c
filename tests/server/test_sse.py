import asyncio
import json

import pytest
from starlette.datastructures import Headers, QueryParams

from speechsearch.errors import AudioFileError, MalformedMessage
from speechsearch.server import sse
from speechsearch.wire.objects import ProgressObject


@pytest.mark.parametrize(
    ("accept", "query", "wanted"),
    [
        ("*/*", "", False),
        ("text/event-stream", "", True),
        ("application/json, text/event-stream;q=0.5", "", True),
        ("*/*", "stream=true", True),
        ("*/*", "stream=1", True),
        ("text/event-stream", "stream=false", False),
        ("text/event-stream", "stream=0", False),
    ],
)
def test_events_are_sent_to_who_asks_for_them_the_query_above_the_header(accept, query, wanted):
    assert sse.wants_events(Headers({"accept": accept}), QueryParams(query)) is wanted


def test_a_switch_that_is_neither_is_refused():
    with pytest.raises(MalformedMessage):
        sse.wants_events(Headers(), QueryParams("stream=maybe"))


def test_an_event_is_a_name_and_one_line_of_json_whatever_is_in_it():
    text = sse.event("progress", ProgressObject(done_s=1.5, total_s=2.0))["body"].decode()
    name, data, *rest = text.split("\n")
    assert (name, rest) == ("event: progress", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"done_s": 1.5, "total_s": 2.0}


async def stays():
    await asyncio.sleep(60)
    return {"type": "http.disconnect"}


async def leaves():
    await asyncio.sleep(0.01)
    return {"type": "http.disconnect"}


async def test_work_goes_on_while_the_client_is_there_and_its_errors_come_out():
    async def fail():
        raise AudioFileError("no sound")

    with pytest.raises(AudioFileError):
        await sse.while_connected(stays, fail())


async def test_work_is_stopped_in_order_when_the_client_leaves():
    stopped = []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            stopped.append(True)

    await sse.while_connected(leaves, work())
    assert stopped
