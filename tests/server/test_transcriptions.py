import asyncio
import contextlib
import json
import socket
import time
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
import soundfile

from speechsearch.audio.player import read_audio
from speechsearch.client.query import query_file
from speechsearch.client.report import utterance_object
from speechsearch.config import load_settings
from speechsearch.wire import messages as m
from speechsearch.wire.codec import encode_message
from speechsearch.wire.objects import FaultObject, Transcription
from tests.recordings import encoded, spoken_with_pauses
from tests.server.test_sockets import greeted, speak, until
from tests.serving import serving

PATH = "/v1/transcriptions"
SMALL = {
    "SPEECHSEARCH_SERVER__UPLOADS__MAX_AT_ONCE": "1",
    "SPEECHSEARCH_SERVER__UPLOADS__MAX_BYTES": "20000000",
    "SPEECHSEARCH_SERVER__UPLOADS__MAX_S": "600",
    "SPEECHSEARCH_SERVER__UPLOADS__IDLE_S": "2",
    "SPEECHSEARCH_SERVER__TOKEN": "sesame",
}
SESAME = {"Authorization": "Bearer sesame"}


def send(server, data, name="speech.flac", **more):
    return httpx.post(f"{server.http}{PATH}", files={"file": (name, data)}, timeout=600, **more)


def events(lines):
    """(name, data) of each server-sent event."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def stream(server, data, name="speech.flac"):
    answer = send(server, data, name, headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(events(answer.text.splitlines()))


async def queried(path, server):
    settings = load_settings()
    found = [utterance_object("it", a) async for a in query_file(path, server.url, settings, 0)]
    return [without_times(one) for one in found if one]


def without_times(utterance):
    kept = {k: v for k, v in utterance.items() if k not in ("file", "timings_ms")}
    return json.loads(json.dumps(kept))


@pytest.fixture(scope="module")
def long_sound(fixtures):
    """A minute and a half with pauses that end sentences, that do not, and of neither kind."""
    pauses_s = [0.1, 2.5, 0.3, 0.9, 1.2, 3.0, 0.5, 0.05, 1.6, 0.7] * 3
    return spoken_with_pauses(fixtures.queries[:30], pauses_s)


@pytest.mark.parametrize(
    ("container", "subtype", "rate_hz", "channels"),
    [("WAV", "PCM_24", 44_100, 2), ("OGG", "OPUS", 48_000, 1), ("MP3", None, 16_000, 1)],
)
async def test_a_long_upload_is_answered_word_for_word_as_query_answers_the_file(
    server, long_sound, tmp_path, container, subtype, rate_hz, channels
):
    path = tmp_path / "long"
    path.write_bytes(encoded(long_sound[0], container, subtype, rate_hz, channels))
    answer = await asyncio.to_thread(send, server, path.read_bytes())
    assert answer.status_code == 200, answer.text
    whole = msgspec.json.decode(answer.content, type=Transcription)
    assert whole.duration_s == pytest.approx(len(long_sound[0]) / 16_000, abs=0.1)
    uttered = [without_times(msgspec.to_builtins(one)) for one in whole.utterances]
    assert len(uttered) > 10
    assert uttered == await queried(path, server)


def test_utterances_begin_within_100_ms_of_where_they_were_placed(server, fixtures):
    queries = fixtures.queries[:20]
    alone_s = [first_word_s(send(server, query.path.read_bytes())) for query in queries]
    sound, starts_s = spoken_with_pauses(queries, [2.5] * len(queries))
    whole = send(server, encoded(sound)).json()
    begun_s = [u["words"][0]["start_s"] for u in whole["utterances"] if u["continues"] is None]
    for start_s, first_s in zip(starts_s, alone_s, strict=True):
        assert min(abs(start_s + first_s - found_s) for found_s in begun_s) < 0.1


def first_word_s(answer):
    return answer.json()["utterances"][0]["words"][0]["start_s"]


def test_events_bring_the_same_utterances_then_the_end(server, long_sound):
    data = encoded(long_sound[0])
    told, whole = stream(server, data), send(server, data).json()
    spoken = [without_times(data) for name, data in told if name == "utterance"]
    assert spoken == [without_times(one) for one in whole["utterances"]]
    progress = [data for name, data in told if name == "progress"]
    assert [p["done_s"] for p in progress] == sorted(p["done_s"] for p in progress)
    assert progress[-1]["done_s"] == progress[-1]["total_s"] == round(whole["duration_s"], 2)
    name, done = told[-1]
    assert name == "done"
    assert done == {
        "file": "speech.flac", "duration_s": whole["duration_s"], "model": whole["model"],
        "answered": len(spoken),
    }  # fmt: skip


def test_silence_is_answered_with_no_utterance(server, fixtures):
    answer = send(server, fixtures.empty[-1].path.read_bytes()).json()
    assert answer["utterances"] == []


BAD = {
    "empty": (b"", 415),
    "text named wav": (b"hello, I am no sound at all\n" * 99, 415),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(999), 415),
    "zero length": (encoded(np.zeros(0, np.float32), "WAV"), 422),
    "truncated wav": (encoded(np.zeros(16_000, np.float32), "WAV")[:9000], 422),
    "truncated flac": (encoded(np.random.default_rng(0).normal(0, 0.1, 16_000))[:9000], 422),
    "truncated header": (encoded(np.zeros(16_000, np.float32), "WAV")[:20], 422),
    "192 kHz, 8 channels": (
        encoded(np.zeros(1600, np.float32), "WAV", None, 192_000, 8), 415,
    ),
    "1 Hz": (encoded(np.zeros(1600, np.float32), "WAV").replace(
        (16_000).to_bytes(4, "little"), (1).to_bytes(4, "little"), 1), 415),
    "a header of a gigabyte": (
        b"RIFF\xff\xff\xff\x7fWAVELIST\xff\xff\xff\x3f" + bytes(99_999), 422,
    ),
    "an ID3 tag of 256 MB": (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(99_999), 415),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("asked", ["json", "events"])
def test_a_bad_upload_is_refused_clearly_and_the_server_goes_on(server, bad, asked):
    data, status = BAD[bad]
    accept = "text/event-stream" if asked == "events" else "application/json"
    answer = send(server, data, "speech.wav", headers={"Accept": accept})
    assert answer.status_code == status, answer.text
    fault = msgspec.json.decode(answer.content, type=FaultObject)
    assert "speech.wav" in fault.message
    assert fault.hint
    assert httpx.get(f"{server.http}/readyz").is_success


@pytest.mark.parametrize(
    "request_of",
    [
        {"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}},
        {"data": {"file": "a path, perhaps"}},
        {"files": {"sound": ("a.wav", b"RIFF")}},
        {"files": {"file": (None, "a field that is no file")}},
        {"files": [("file", ("a.wav", b"RIFF")), ("file", ("b.wav", b"RIFF"))]},
        {"files": {f"f{n}": (None, "x") for n in range(99)}},
        {"files": {"file": (None, "x" * 99_999)}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"files": {"file": ("a.wav", b"RIFF")}, "params": {"stream": "maybe"}},
        {
            "content": b"--x\r\nContent-Disposition: " + b"y" * 99_999,
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_what_to_do(server, request_of):
    answer = httpx.post(f"{server.http}{PATH}", timeout=60, **request_of)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "malformed"
    assert answer.json()["hint"]


def test_an_enormous_http_header_is_refused_and_the_server_goes_on(server):
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.post(f"{server.http}{PATH}", headers={"X-Much": "y" * 1_000_000})
        assert 400 <= answer.status_code < 500
    assert httpx.get(f"{server.http}/readyz").is_success


def test_another_method_another_path_and_another_site_get_json_too(server):
    for path, method, status in ((PATH, "GET", 405), ("/v1/nothing", "GET", 404)):
        answer = httpx.request(method, f"{server.http}{path}")
        assert answer.status_code == status
        assert answer.json()["hint"]
    evil = send(server, b"", headers={"Origin": "https://evil.example"})
    assert (evil.status_code, evil.json()["code"]) == (403, "unauthorized")


@pytest.fixture(scope="module")
def strict():
    """A server with small limits and a token."""
    with serving(**SMALL) as running:
        yield running


def test_without_the_token_nothing_is_taken(strict):
    answer = send(strict, b"RIFF")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_an_upload_that_says_it_is_too_large_is_refused_before_it_is_sent(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=30) as raw:
        raw.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sesame\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99000000000\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert b"413" in raw.recv(100).split(b"\r\n")[0]


def test_an_upload_that_does_not_say_how_large_it_is_is_refused_on_the_way(strict):
    boundary = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'

    def endless():
        yield boundary
        for _ in range(300):
            yield bytes(100_000)

    answer = httpx.post(
        f"{strict.http}{PATH}",
        content=endless(),
        headers={**SESAME, "Content-Type": "multipart/form-data; boundary=x"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_recording_that_is_too_long_is_refused_before_it_is_heard(strict):
    answer = send(strict, encoded(np.zeros(601 * 16_000, np.float32)), headers=SESAME)
    assert (answer.status_code, answer.json()["code"]) == (413, "audio_limit")


def test_an_upload_that_stops_coming_is_given_up(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=30) as raw:
        raw.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sesame\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        assert b"408" in raw.recv(100).split(b"\r\n")[0]


def uploads_of(server):
    text = httpx.get(f"{server.http}/metrics", headers=SESAME).text
    return float(text.split("\nspeechsearch_uploads ")[1].split("\n")[0])


def test_one_too_many_at_once_is_told_when_to_come_back_and_who_leaves_makes_room(
    strict, long_sound
):
    data, before = encoded(np.tile(long_sound[0], 4)), open_temporary_files(strict)
    with httpx.stream(
        "POST", f"{strict.http}{PATH}?stream=true", files={"file": ("a.flac", data)},
        headers=SESAME, timeout=60,
    ) as first:  # fmt: skip
        lines = first.iter_lines()
        next(events(lines))
        second = send(strict, data, headers=SESAME)
        assert (second.status_code, second.json()["code"]) == (429, "overloaded")
        assert int(second.headers["retry-after"]) > 0
        assert uploads_of(strict) == 1
        assert len(open_temporary_files(strict)) == len(before) + 1
    for _ in range(100):
        if uploads_of(strict) == 0:
            break
        time.sleep(0.1)
    assert uploads_of(strict) == 0
    assert open_temporary_files(strict) == before
    assert send(strict, encoded(long_sound[0][:48_000]), headers=SESAME).is_success


def open_temporary_files(server):
    links = Path(f"/proc/{server.process.pid}/fd").iterdir()
    names = []
    for link in links:
        with contextlib.suppress(OSError):
            names.append(str(link.readlink()))
    return [name for name in names if name.endswith("(deleted)") and "/tmp" in name]


async def test_who_speaks_is_answered_while_a_recording_is_transcribed(
    strict, long_sound, fixtures
):
    data, query = encoded(np.tile(long_sound[0], 2)), fixtures.queries[0]
    hello = encode_message(m.Hello(protocol=m.PROTOCOL, token="sesame"))
    async with httpx.AsyncClient(timeout=120, headers=SESAME) as client, client.stream(
        "POST", f"{strict.http}{PATH}?stream=true", files={"file": ("a.flac", data)}
    ) as answer:  # fmt: skip
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: utterance"
        async with greeted(strict, hello) as socket:
            await speak(socket, read_audio(query.path))
            final = await until(socket, "final")
        assert final["hits"][0]["id"] == query.item
        assert uploads_of(strict) == 1
        assert "event: done" in [line async for line in lines]


def resident_mb(server, field):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def test_a_long_recording_never_lies_in_memory(server, tmp_path):
    path, noise = tmp_path / "long.flac", np.random.default_rng(0).normal(0, 1e-3, (480_000, 2))
    with soundfile.SoundFile(path, "w", 48_000, 2) as file:
        for _ in range(30):
            file.write(noise)
    before_mb = resident_mb(server, "VmRSS")
    assert send(server, path.read_bytes()).json()["duration_s"] == 300
    assert resident_mb(server, "VmHWM") - before_mb < 300 * 48_000 * 2 * 4 / 2**20 / 3


def test_a_server_that_ends_says_so_in_the_stream(long_sound):
    data = encoded(np.tile(long_sound[0], 4))
    with serving() as ending, httpx.stream(
        "POST", f"{ending.http}{PATH}?stream=true", files={"file": ("a.flac", data)}, timeout=60
    ) as answer:  # fmt: skip
        told = events(answer.iter_lines())
        next(told)
        ending.process.terminate()
        name, fault = list(told)[-1]
        assert (name, fault["code"]) == ("error", "unavailable")
