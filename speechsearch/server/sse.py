"""Server-sent events as ASGI messages, and work that ends when nobody is there to read it.

Source: the WHATWG HTML standard, "Server-sent events".
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import msgspec
from starlette.datastructures import Headers, QueryParams
from starlette.types import Message, Receive

from speechsearch.errors import MalformedMessage

EVENT_STREAM = "text/event-stream"
SWITCH = {"true": True, "1": True, "false": False, "0": False}
BEGIN: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ],
}
END: Message = {"type": "http.response.body", "body": b""}


def wants_events(headers: Headers, query: QueryParams) -> bool:
    """Whether ``stream`` or else ``Accept`` asks for events; MalformedMessage for neither."""
    stream = query.get("stream")
    if stream is None:
        return EVENT_STREAM in headers.get("accept", "")
    if stream not in SWITCH:
        raise MalformedMessage(f"stream is {stream[:20]!r}", hint="Give true or false")
    return SWITCH[stream]


def event(name: str, data: msgspec.Struct) -> Message:
    """One event, its data in one line of JSON."""
    text = b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
    return {"type": "http.response.body", "body": text, "more_body": True}


def document(data: msgspec.Struct) -> tuple[Message, Message]:
    """All of an answer at once, as JSON."""
    body = msgspec.json.encode(data)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


async def while_connected(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Do the work; stop it when the client leaves. The request's body must have been read."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait([doing, gone], return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        finished = doing.done()
        doing.cancel()
        await asyncio.gather(doing, gone, return_exceptions=True)
    if finished:
        doing.result()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
