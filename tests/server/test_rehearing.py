"""The whole way of a second ear's words, with the real one."""

import importlib.util

import httpx
import numpy as np
import pytest

from speechsearch import Answer, Client, Revised
from speechsearch.asr.second_ear import EARS
from speechsearch.audio.player import read_audio
from speechsearch.client.query import query_sound
from speechsearch.config import load_settings
from speechsearch.types import ms_to_samples
from speechsearch.wire import messages as m
from speechsearch.wire.codec import encode_message
from tests.server.test_conversation import QUIET, cut_in_two, say, until_pause
from tests.server.test_listening import stream
from tests.server.test_sockets import frames, greeted, speak, until
from tests.serving import serving

HEARD = "Pride and Prejudice"
NO_HURRY = {"SPEECHSEARCH_SERVER__REVISE_WITHIN_MS": "60000"}


@pytest.fixture(scope="module")
def rehearing_server():
    if not all(importlib.util.find_spec(package) for package in EARS["tiny.en"].packages):
        pytest.skip("the extra whisper is not installed")
    with serving("--second-pass", "tiny.en", **NO_HURRY) as running:
        yield running


@pytest.fixture(scope="module")
def sound(fixtures):
    return np.concatenate([read_audio(fixtures.queries[0].path), np.zeros(QUIET, np.float32)])


async def test_an_answer_is_revised_once_in_the_words_of_the_second_ear(rehearing_server, sound):
    async with greeted(rehearing_server) as socket:
        await speak(socket, sound)
        final = await until(socket, "final")
        assert (final["ear"], final["revising"]) == ("ctc", True)
        revised = await until(socket, "revised")
    assert (revised["utterance"], revised["text"].rstrip("."), revised["ear"]) == (
        1,
        HEARD,
        "tiny.en",
    )
    assert [word["word"].rstrip(".") for word in revised["words"]] == HEARD.split()
    assert revised["words"][0]["start_s"] == pytest.approx(final["words"][0]["start_s"], abs=0.2)


async def test_who_is_patient_gets_it_with_the_answer(rehearing_server, sound):
    hello = encode_message(m.Hello(protocol=m.PROTOCOL, patient=True))
    async with greeted(rehearing_server, hello) as socket:
        await speak(socket, sound)
        final = await until(socket, "final")
    assert (final["text"].rstrip("."), final["ear"], final["revising"]) == (HEARD, "tiny.en", False)


async def test_speech_that_goes_on_is_heard_again_as_a_whole(rehearing_server, sound):
    half = ms_to_samples(900)
    async with greeted(rehearing_server) as socket:
        await until_pause(socket, sound[:half], pause_at=half)
        await say(socket, m.Resume(utterance=1, sample=half))
        await speak_on(socket, sound, half)
        final = await until(socket, "final")
        last = await until(socket, "revised") if final["revising"] else final
    assert last["text"].rstrip(".") == HEARD


def test_a_recording_sent_in_whole_gets_its_last_answer(rehearing_server, fixtures):
    path = fixtures.queries[0].path
    with path.open("rb") as file:
        answer = httpx.post(
            f"{rehearing_server.http}/v1/transcriptions", files={"file": file}, timeout=120
        )
    (utterance,) = answer.json()["utterances"]
    assert (utterance["text"].rstrip("."), utterance["ear"]) == (HEARD, "tiny.en")


async def test_where_the_server_cuts_an_answer_is_revised_too(rehearing_server, sound):
    hello = encode_message(m.Hello(protocol=m.PROTOCOL, vad="server"))
    async with greeted(rehearing_server, hello) as socket:
        await stream(socket, np.concatenate([sound, np.zeros(24_000, np.float32)]))
        final = await until(socket, "final")
        last = await until(socket, "revised") if final["revising"] else final
    assert (last["text"].rstrip("."), last["ear"]) == (HEARD, "tiny.en")


async def test_a_program_is_told_of_the_last_answer(rehearing_server, fixtures):
    path = fixtures.queries[0].path
    async with Client(rehearing_server.url) as client:
        (patient,) = await client.answers(path)
        told = [event async for event in client.hear(path, speed=1)]
    (answer,) = [event for event in told if isinstance(event, Answer)]
    last = [event.answer for event in told if isinstance(event, Revised)]
    for one in (patient, *(last or [answer])):
        assert (one.text.rstrip("."), one.ear) == (HEARD, "tiny.en")


async def speak_on(socket, sound, half):
    for frame in frames(sound[half:], 1, half):
        await socket.send(frame)
    await say(socket, m.SpeechEnd(utterance=1, end_sample=len(sound) - QUIET))


async def test_a_sentence_cut_in_two_is_heard_again_joined(rehearing_server, sound):
    hello = encode_message(m.Hello(protocol=m.PROTOCOL, patient=True))
    async with greeted(rehearing_server, hello) as socket:
        _, second = await cut_in_two(socket, sound, ms_to_samples(1020))
    assert (second["continues"], second["text"].rstrip("."), second["ear"]) == (1, HEARD, "tiny.en")


@pytest.mark.parametrize("speed", [0, 1])
async def test_a_recording_gets_its_last_answer(rehearing_server, fixtures, speed):
    samples = read_audio(fixtures.queries[0].path)
    heard = query_sound(samples, "q01", rehearing_server.url, load_settings(), speed)
    (answer,) = [answer async for answer in heard]
    assert answer.message.text.rstrip(".") == HEARD
    assert answer.message.ear == "tiny.en"
    assert answer.is_last
