import asyncio
import json

import numpy as np
import pytest
from websockets.asyncio.client import connect

from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.client.query import query_sound
from speechsearch.config import Settings
from speechsearch.types import SAMPLE_RATE_HZ
from speechsearch.wire import messages as m
from speechsearch.wire.codec import AudioFrame, encode_audio, encode_message, to_pcm
from tests.server.test_sockets import greeted, until

HELLO = encode_message(m.Hello(protocol=m.PROTOCOL, vad="server", patient=True))
BLOCK = 512


async def stream(socket, sound, first=0, *, speed=0.0):
    for start in range(0, len(sound), BLOCK):
        pcm = to_pcm(sound[start : start + BLOCK])
        await socket.send(encode_audio(AudioFrame(0, first + start, pcm)))
        if speed:
            await asyncio.sleep(BLOCK / SAMPLE_RATE_HZ / speed)


async def say(socket, message):
    await socket.send(encode_message(message))


async def answers_until_bye(socket):
    """Everything the server says until it closes."""
    await say(socket, m.Bye())
    return [json.loads(text) async for text in socket]


@pytest.fixture(scope="module")
def conversation(fixtures):
    """Three queries and a noise, one after the other, each with its noise floor."""
    chosen = [*fixtures.queries[:2], fixtures.empty[3], fixtures.queries[13]]
    sounds = [read_audio(one.path) for one in chosen]
    return np.concatenate([np.concatenate([s, noise_floor(s, 24_000)]) for s in sounds])


KEPT = ("utterance", "text", "confidence", "hits", "continues", "endpoint_reason", "words")


@pytest.mark.parametrize("speed", [0.0, 4.0])
async def test_the_server_cuts_and_answers_exactly_as_for_a_client_that_cuts(
    server, conversation, speed
):
    expected = [
        (answer.message, answer.end_sample)
        async for answer in query_sound(conversation, "x", server.url, Settings(), 0)
    ]
    async with greeted(server, HELLO) as socket:
        sending = asyncio.create_task(stream(socket, conversation, speed=speed))
        await sending
        said = await answers_until_bye(socket)
    ends = [one["end_sample"] for one in said if one["type"] == "endpoint"]
    answers = [one for one in said if one["type"] in ("final", "nothing")]
    assert [end for _, end in expected] == ends
    assert len(expected) >= 3
    for (message, _), answer in zip(expected, answers, strict=True):
        wanted = json.loads(encode_message(message))
        assert {key: answer.get(key) for key in KEPT} == {key: wanted.get(key) for key in KEPT}


async def test_a_live_stream_gets_states_partials_and_an_answer_but_no_hangover(server, fixtures):
    query = fixtures.queries[0]
    sound = read_audio(query.path)
    async with greeted(server, HELLO) as socket:
        sending = asyncio.create_task(stream(socket, sound, speed=1.0))
        said = []
        while not said or said[-1]["type"] != "final":
            said.append(await until(socket, *(kind for kind in KINDS)))
        await sending
    kinds = [one["type"] for one in said]
    assert [one["state"] for one in said if one["type"] == "vad"][:2] == ["speech", "pause"]
    assert "partial" in kinds
    assert "hangover" not in kinds
    assert kinds.index("endpoint") < kinds.index("final")
    assert all(one["utterance"] == 0 for one in said if one["type"] == "ack")
    assert said[-1]["hits"][0]["id"] == query.item


KINDS = ("vad", "ack", "endpoint", "hangover", "partial", "final", "nothing", "error")


async def test_a_broken_frame_costs_nothing_that_was_spoken(server, fixtures):
    query = fixtures.queries[0]
    sound = read_audio(query.path)
    async with greeted(server, HELLO) as socket:
        await stream(socket, sound[: 20 * BLOCK])
        for wrong in (to_frame(0, 7), to_frame(1, 20 * BLOCK), to_frame(0, 10**6)):
            await socket.send(wrong)
            assert (await until(socket, "error"))["code"] in ("sample_position", "malformed")
        await stream(socket, sound[20 * BLOCK :], 20 * BLOCK)
        await say(socket, m.Flush())
        assert (await until(socket, "final"))["hits"][0]["id"] == query.item


def to_frame(utterance, first):
    return encode_audio(AudioFrame(utterance, first, np.zeros(BLOCK, np.int16)))


async def test_a_dropped_socket_goes_on_where_the_server_stood(server, fixtures):
    query = fixtures.queries[0]
    sound = read_audio(query.path)
    async with connect(server.url) as socket:
        await socket.send(HELLO)
        ready = json.loads(await socket.recv())
        await stream(socket, sound[: 40 * BLOCK])
        speech = await until(socket, "vad")
        socket.transport.abort()
    resume = m.ResumeRequest(token=ready["resume_token"], awaiting=(speech["utterance"],))
    async with connect(server.url) as again:
        await say(again, m.Hello(protocol=m.PROTOCOL, vad="server", resume=resume))
        ready = json.loads(await again.recv())
        assert ready["resumed"]
        (held,) = ready["received"]
        assert held["utterance"] == 0
        assert (await until(again, "vad"))["start_sample"] == speech["start_sample"]
        await stream(again, sound[held["sample"] :], held["sample"])
        await say(again, m.Flush())
        assert (await until(again, "final"))["hits"][0]["id"] == query.item


async def test_an_answer_whose_utterance_the_client_never_heard_of_comes_after_a_resume(
    server, fixtures
):
    sound = read_audio(fixtures.queries[0].path)
    async with connect(server.url) as socket:
        await socket.send(HELLO)
        ready = json.loads(await socket.recv())
        await stream(socket, sound)
        await say(socket, m.Flush())
        while (await until(socket, "ack"))["sample"] < len(sound):
            pass
        socket.transport.abort()
    resume = m.ResumeRequest(token=ready["resume_token"])
    async with connect(server.url) as again:
        await say(again, m.Hello(protocol=m.PROTOCOL, vad="server", resume=resume))
        assert (await until(again, "final"))["utterance"] == 1


async def test_an_hour_sent_at_once_is_not_swallowed_at_once(server, fixtures):
    """The server reads no faster than it hears, so most of what is sent waits at the client."""
    quiet = np.zeros(2 * SAMPLE_RATE_HZ, np.int16)[:30_000]
    async with greeted(server, HELLO) as socket:
        sent = 0

        async def flood():
            nonlocal sent
            for number in range(1920):
                await socket.send(encode_audio(AudioFrame(0, number * len(quiet), quiet)))
                sent += len(quiet)

        flooding = asyncio.create_task(flood())
        await until(socket, "ack")
        await asyncio.sleep(0.3)
        flooding.cancel()
        assert sent < 1800 * SAMPLE_RATE_HZ
        async with greeted(server) as other:
            await say(other, m.Search(id=1, query="emma"))
            assert (await until(other, "results"))["hits"]
        socket.transport.abort()
