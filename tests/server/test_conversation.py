import asyncio
import itertools
import re

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect

from speechsearch.audio.player import read_audio
from speechsearch.types import ms_to_samples
from speechsearch.vad.endpointer import EndpointerOptions
from speechsearch.wire import messages as m
from speechsearch.wire.codec import encode_message
from tests.server.test_sockets import HELLO, frames, greeted, speak, until
from tests.serving import serving

QUIET = ms_to_samples(400)


@pytest.fixture(scope="module")
def own_server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def spoken(fixtures):
    query = fixtures.queries[0]
    return query, np.concatenate([read_audio(query.path), np.zeros(QUIET, np.float32)])


def counted(server, metric):
    """Value of a counter by its first label that is not the model's."""
    found = re.findall(
        rf"^{metric}_total{{(.*?)}} (\S+)$", httpx.get(f"{server.http}/metrics").text, re.M
    )
    return {
        re.sub(r'.*?(?:outcome|reason)="(.*?)".*', r"\1", labels): float(n) for labels, n in found
    }


async def say(socket, message):
    await socket.send(encode_message(message))


async def until_pause(socket, sound, utterance=1, first=0, pause_at=None, **start):
    """Speak up to a pause; the server's word on how long it may last."""
    pause_at = first + len(sound) - QUIET if pause_at is None else pause_at
    await say(socket, m.SpeechStart(utterance=utterance, start_sample=first, **start))
    for frame in frames(sound, utterance, first):
        await socket.send(frame)
    await say(socket, m.Pause(utterance=utterance, sample=pause_at))
    while not (hangover := await until(socket, "hangover")).get("settled", True):
        assert hangover["hangover_ms"] <= 500
    return hangover


async def test_a_pause_is_answered_with_how_long_it_may_last_and_the_endpoint_at_once(
    own_server, spoken
):
    query, sound = spoken
    before = counted(own_server, "speechsearch_speculations")
    async with greeted(own_server) as socket:
        hangover = await until_pause(socket, sound)
        assert (hangover["utterance"], hangover["sample"]) == (1, len(sound) - QUIET)
        assert 200 <= hangover["hangover_ms"] <= 500
        await say(socket, m.SpeechEnd(utterance=1, end_sample=len(sound) - QUIET))
        final = await until(socket, "final")
    assert final["hits"][0]["id"] == query.item
    after = counted(own_server, "speechsearch_speculations")
    assert after["hit"] == before.get("hit", 0) + 1


async def test_how_long_a_pause_may_last_at_most_is_said_before_its_words_are_heard(
    own_server, spoken
):
    _, sound = spoken
    pause_at = len(sound) - QUIET
    async with greeted(own_server) as socket:
        await say(socket, m.SpeechStart(utterance=1, start_sample=0))
        for frame in frames(sound, 1, 0):
            await socket.send(frame)
        await say(socket, m.Pause(utterance=1, sample=pause_at))
        most, settled = await until(socket, "hangover"), await until(socket, "hangover")
    assert (most["sample"], most["settled"]) == (pause_at, False)
    assert (settled["sample"], settled.get("settled", True)) == (pause_at, True)
    assert settled["hangover_ms"] <= most["hangover_ms"] < EndpointerOptions().hangover_ms


async def test_what_was_decoded_at_a_pause_is_discarded_when_speech_goes_on(own_server, spoken):
    query, sound = spoken
    before = counted(own_server, "speechsearch_speculations")
    half = ms_to_samples(900)
    async with greeted(own_server) as socket:
        await until_pause(socket, sound[:half], pause_at=half)
        await say(socket, m.Resume(utterance=1, sample=half))
        for frame in frames(sound[half:], 1, half):
            await socket.send(frame)
        await say(socket, m.SpeechEnd(utterance=1, end_sample=len(sound) - QUIET))
        final = await until(socket, "final")
    assert final["hits"][0]["id"] == query.item
    after = counted(own_server, "speechsearch_speculations")
    assert after["discarded"] == before.get("discarded", 0) + 1
    assert after["none"] == before.get("none", 0) + 1
    wasted = counted(own_server, "speechsearch_speculation_wasted_cpu_seconds")
    assert sum(wasted.values()) > 0


async def test_the_speculative_answer_is_the_one_that_a_decode_at_the_endpoint_gives(
    own_server, spoken
):
    _, sound = spoken
    end = m.SpeechEnd(utterance=1, end_sample=len(sound) - QUIET)
    async with greeted(own_server) as socket:
        await until_pause(socket, sound)
        await say(socket, end)
        ahead = await until(socket, "final")
    async with greeted(own_server) as socket:
        await say(socket, m.SpeechStart(utterance=1, start_sample=0))
        for frame in frames(sound):
            await socket.send(frame)
        await say(socket, end)
        late = await until(socket, "final")
    assert (ahead["text"], ahead["words"]) == (late["text"], late["words"])
    assert ahead["hits"] == late["hits"]


async def cut_in_two(socket, sound, at, *, between=()):
    """Say a recording as two utterances without a gap; both answers."""
    finals = []
    for number, (first, part) in enumerate(((0, sound[:at]), (at, sound[at:])), 1):
        await speak(socket, part, number, first)
        finals.append(await until(socket, "final"))
        for message in between:
            await say(socket, message)
    return finals


async def test_a_title_cut_in_two_gets_one_answer_that_replaces_the_first(own_server, spoken):
    query, sound = spoken
    async with greeted(own_server) as socket:
        first, second = await cut_in_two(socket, sound, ms_to_samples(1020))
    assert (first["continues"], second["continues"]) == (None, 1)
    assert second["hits"][0]["id"] == query.item


async def test_a_beginning_that_was_taken_for_noise_is_heard_again_with_what_follows(
    own_server, fixtures
):
    sound, at = read_audio(fixtures.queries[4].path), ms_to_samples(800)
    async with greeted(own_server) as socket:
        await speak(socket, sound[:at])
        await until(socket, "nothing")
        await speak(socket, sound[at:], 2, at)
        whole = await until(socket, "final")
    assert whole["continues"] == 1
    assert whole["text"].startswith("i ")


async def test_an_answer_that_the_person_took_up_is_not_replaced(own_server, spoken):
    _, sound = spoken
    click = m.Feedback(utterance=1, action="click", hit="x")
    async with greeted(own_server) as socket:
        _, second = await cut_in_two(socket, sound, ms_to_samples(1020), between=[click])
    assert second["continues"] is None


async def test_sound_with_a_gap_before_it_is_a_new_request(own_server, spoken):
    _, sound = spoken
    at = ms_to_samples(1020)
    async with greeted(own_server) as socket:
        await speak(socket, sound[:at])
        await until(socket, "final")
        await speak(socket, sound[at:], 2, at + 1600)
        assert (await until(socket, "final"))["continues"] is None


async def test_text_and_hits_come_while_the_person_still_speaks(own_server, spoken):
    query, sound = spoken
    shown = []
    async with greeted(own_server) as socket:
        await say(socket, m.SpeechStart(utterance=1, start_sample=0))
        for frame in frames(sound):
            await socket.send(frame)
            await asyncio.sleep(0.05)
        await say(socket, m.SpeechEnd(utterance=1, end_sample=len(sound), reason="cancel"))
        while (message := await until(socket, "partial", "ack")).get("sample") != len(sound):
            shown += [message] if message["type"] == "partial" else []
    assert [one["seq"] for one in shown] == list(range(1, len(shown) + 1))
    for earlier, later in itertools.pairwise(shown):
        assert later["stable"].startswith(earlier["stable"])
        assert later["text"].startswith(later["stable"])
    assert shown[-1]["stable"]
    assert query.item in {hit["id"] for one in shown for hit in one["hits"]}


async def test_who_wants_no_partials_gets_none(own_server, spoken):
    _, sound = spoken
    hello = encode_message(m.Hello(protocol=m.PROTOCOL, partials=False))
    async with greeted(own_server, hello) as socket:
        await speak(socket, sound)
        assert (await until(socket, "partial", "final"))["type"] == "final"


async def test_one_speaker_more_than_the_machine_can_serve_is_refused_at_once():
    with serving(SPEECHSEARCH_SERVER__MAX_LOAD="0.001") as server:
        async with greeted(server), greeted(server), connect(server.url) as third:
            await third.send(HELLO)
            refused = await until(third, "error")
    assert refused["code"] == "overloaded"
    assert refused["fatal"]
    assert refused["hint"]
