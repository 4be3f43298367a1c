import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from speechsearch.audio.player import read_audio
from speechsearch.wire import messages as m
from speechsearch.wire.codec import AudioFrame, encode_audio, encode_message, to_pcm
from tests.serving import COMMAND, ROOT, serving, start

HELLO = encode_message(m.Hello(protocol=m.PROTOCOL))


@contextlib.asynccontextmanager
async def greeted(server, hello=HELLO):
    async with connect(server.url, compression=None) as socket:
        await socket.send(hello)
        ready = json.loads(await socket.recv())
        assert ready["type"] == "ready"
        yield socket


async def until(socket, *types):
    async with asyncio.timeout(30):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] in types:
                return message


def frames(sound, utterance=1, first=0):
    pcm = to_pcm(sound)
    for start_sample in range(0, len(pcm), 1600):
        piece = pcm[start_sample : start_sample + 1600]
        yield encode_audio(AudioFrame(utterance, first + start_sample, piece))


async def speak(socket, sound, utterance=1, first=0, reason="silence"):
    await socket.send(encode_message(m.SpeechStart(utterance=utterance, start_sample=first)))
    for frame in frames(sound, utterance, first):
        await socket.send(frame)
    end = m.SpeechEnd(utterance=utterance, end_sample=first + len(sound), reason=reason)
    await socket.send(encode_message(end))


@pytest.fixture(scope="module")
def spoken(fixtures):
    query = fixtures.queries[0]
    return query, read_audio(query.path)


async def test_spoken_words_get_their_transcript_and_their_book(server, spoken):
    query, sound = spoken
    async with greeted(server) as socket:
        await speak(socket, sound)
        final = await until(socket, "final")
    assert final["hits"][0]["id"] == query.item
    assert final["text"]
    assert final["words"][0]["end_s"] <= query.t0_s + 0.3
    assert {"queue", "decode", "hypothesis", "search"} <= final["timings_ms"].keys()


async def test_silence_is_answered_with_nothing_and_why(server):
    async with greeted(server) as socket:
        await speak(socket, np.zeros(16_000, np.float32))
        assert (await until(socket, "nothing"))["why"]


async def test_an_utterance_without_any_sound_is_answered_too(server):
    async with greeted(server) as socket:
        await speak(socket, np.zeros(0, np.float32))
        assert await until(socket, "nothing")


async def test_a_cancelled_utterance_gets_no_answer_and_the_next_one_does(server, spoken):
    _, sound = spoken
    async with greeted(server) as socket:
        await speak(socket, sound, reason="cancel")
        await speak(socket, sound, utterance=2, first=len(sound))
        assert (await until(socket, "final", "nothing"))["utterance"] == 2


async def test_a_cancel_that_names_sound_never_sent_is_a_cancel_all_the_same(server, spoken):
    _, sound = spoken
    async with greeted(server) as socket:
        await socket.send(encode_message(m.SpeechStart(utterance=1, start_sample=0)))
        cancel = m.SpeechEnd(utterance=1, end_sample=999, reason="cancel")
        await socket.send(encode_message(cancel))
        await speak(socket, sound, utterance=2, first=1000)
        assert (await until(socket, "final", "error"))["utterance"] == 2


async def test_a_typed_query_is_answered_on_the_socket(server):
    async with greeted(server) as socket:
        await socket.send(encode_message(m.Search(id=7, query="moby dick")))
        results = await until(socket, "results")
    assert (results["id"], results["hits"][0]["title"]) == (7, "Moby-Dick")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "malformed"),
        ('{"type":"sing"}', "malformed"),
        (b"short", "malformed"),
        (HELLO, "out_of_order"),
        (next(frames(np.zeros(9, np.float32))), "out_of_order"),
        ('{"type":"flush"' + " " * 16_000 + "}", "too_large"),
        (encode_audio(AudioFrame(1, 0, np.zeros(32_000, np.int16))), "too_large"),
    ],
)
async def test_what_the_protocol_does_not_allow_gets_its_own_error_and_the_session_goes_on(
    server, spoken, sent, code
):
    async with greeted(server) as socket:
        await socket.send(sent)
        error = await until(socket, "error")
        assert (error["code"], error["fatal"]) == (code, False)
        assert error["hint"]
        await speak(socket, spoken[1])
        assert await until(socket, "final")


async def test_late_and_displaced_sound_are_told_apart(server):
    async with greeted(server) as socket:
        await socket.send(encode_message(m.SpeechStart(utterance=1, start_sample=0)))
        await socket.send(encode_audio(AudioFrame(1, 99, np.zeros(9, np.int16))))
        assert (await until(socket, "error"))["code"] == "sample_position"
        await speak_end(socket)
        await until(socket, "nothing")
        await socket.send(encode_audio(AudioFrame(1, 0, np.zeros(9, np.int16))))
        assert (await until(socket, "error"))["code"] == "late"


async def speak_end(socket):
    await socket.send(encode_message(m.SpeechEnd(utterance=1, end_sample=0)))


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (encode_message(m.Hello(protocol=m.PROTOCOL, sample_rate_hz=48_000)), "wrong_rate"),
        (encode_message(m.Hello(protocol="speechsearch.v2")), "unsupported"),
        (encode_message(m.Hello(protocol=m.PROTOCOL, token="guess")), "unauthorized"),
        (encode_message(m.Flush()), "out_of_order"),
        (b"\0" * 20, "out_of_order"),
        ("nonsense", "malformed"),
    ],
)
async def test_a_wrong_first_message_is_told_why_and_closed(server, first, code):
    async with connect(server.url) as socket:
        await socket.send(first)
        error = await until(socket, "error")
        assert (error["code"], error["fatal"]) == (code, True)
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_frame_far_over_the_limit_closes_only_that_connection(server):
    async with greeted(server) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.send(b"\0" * 300_000)
            await until(socket, "never")
        assert socket.close_code == 1009
    async with greeted(server):
        pass


async def test_a_client_that_only_breaks_the_protocol_is_closed(server):
    async with greeted(server) as socket:
        with pytest.raises(ConnectionClosed):
            for _ in range(60):
                await socket.send("{")
            await until(socket, "never")


async def test_a_web_page_of_another_site_may_not_open_a_socket(server):
    with pytest.raises(InvalidStatus) as refused:
        await connect(server.url, origin="https://evil.example")
    assert refused.value.response.status_code == 403


async def test_an_answer_that_was_missed_is_there_after_a_resume(server, spoken):
    _, sound = spoken
    async with connect(server.url) as socket:
        await socket.send(HELLO)
        ready = json.loads(await socket.recv())
        await speak(socket, sound)
        while (await until(socket, "ack"))["sample"] < len(sound):
            pass
        socket.transport.abort()
    resume = m.ResumeRequest(token=ready["resume_token"], awaiting=(1,))
    async with greeted(
        server, encode_message(m.Hello(protocol=m.PROTOCOL, resume=resume))
    ) as again:
        assert (await until(again, "final"))["utterance"] == 1


async def test_connections_over_the_limit_are_refused_and_the_others_go_on():
    with serving(SPEECHSEARCH_SERVER__MAX_CONNECTIONS="1") as server:
        async with greeted(server) as first:
            async with connect(server.url) as second:
                await second.send(HELLO)
                assert (await until(second, "error"))["code"] == "overloaded"
            await first.send(encode_message(m.Search(id=1, query="emma")))
            assert await until(first, "results")


async def test_on_sigterm_an_utterance_in_flight_gets_its_answer_and_the_server_ends_well(spoken):
    _, sound = spoken
    with serving() as server:
        async with greeted(server) as socket:
            half = len(sound) // 2
            await socket.send(encode_message(m.SpeechStart(utterance=1, start_sample=0)))
            for frame in frames(sound[:half]):
                await socket.send(frame)
            await socket.send(encode_message(m.Search(id=1, query="x")))
            await until(socket, "results")
            server.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            for frame in frames(sound[half:], first=half):
                await socket.send(frame)
            await socket.send(encode_message(m.SpeechEnd(utterance=1, end_sample=len(sound))))
            assert (await until(socket, "final"))["text"]
            with pytest.raises(ConnectionClosed):
                await until(socket, "never")
        assert await asyncio.to_thread(server.process.wait, 20) == 0


def test_with_a_token_the_plain_routes_ask_for_it_too():
    with serving(SPEECHSEARCH_SERVER__TOKEN="secret") as guarded:
        for route in ("/v1/search?q=emma", "/metrics"):
            assert httpx.get(guarded.http + route).status_code == 401
            wrong, right = ({"Authorization": f"Bearer {token}"} for token in ("guess", "secret"))
            assert httpx.get(guarded.http + route, headers=wrong).status_code == 401
            assert httpx.get(guarded.http + route, headers=right).status_code == 200
        assert httpx.get(f"{guarded.http}/readyz").status_code == 200


def test_a_port_that_is_taken_is_said_clearly(server):
    second = start(port=server.port)
    assert second.process.wait(timeout=60) == 1
    said = second.process.stderr.read()
    second.process.stderr.close()
    assert f"127.0.0.1:{server.port}" in said
    assert "choose another --port" in said


def test_an_address_that_others_reach_needs_a_token():
    refused = subprocess.run(
        [*COMMAND, "serve", "--host", "0.0.0.0"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "token" in refused.stderr


def test_the_example_in_the_protocol_page_runs(server, spoken, tmp_path):
    query, sound = spoken
    page = (ROOT / "speechsearch/wire/PROTOCOL.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    program, recording = tmp_path / "example.py", tmp_path / "query.wav"
    program.write_text(example)
    with wave.open(str(recording), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(to_pcm(sound).tobytes())
    ran = subprocess.run(
        [sys.executable, Path(program), server.url, recording],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    ready, answer = map(json.loads, ran.stdout.splitlines())
    assert ready["type"] == "ready"
    assert answer["hits"][0]["id"] == query.item
