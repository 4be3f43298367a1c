import asyncio
import dataclasses

import numpy as np
import pytest
import soxr

import speechsearch
from speechsearch import Answer, Client, Endpoint, Failure, Level, Partial, SpeechStarted
from speechsearch.audio.player import Player, read_audio
from speechsearch.client import events
from speechsearch.errors import AudioError, ConfigError, OutOfOrder, ServerUnavailable
from tests.serving import serving, start


def answers(happened):
    return [event for event in happened if isinstance(event, Answer)]


async def test_a_file_and_the_same_samples_at_another_rate_find_the_same_book(server, fixtures):
    spoken = fixtures.queries[0]
    stereo = np.repeat(soxr.resample(read_audio(spoken.path), 16_000, 44_100)[:, None], 2, axis=1)
    async with Client(server.url) as client:
        heard = [event async for event in client.hear(spoken.path)]
        assert not [event for event in heard if isinstance(event, Failure)]
        kinds = list(dict.fromkeys(type(event) for event in heard))
        wanted = [SpeechStarted, Endpoint, Answer]
        assert [kind for kind in kinds if kind in wanted] == wanted
        assert {Level, Partial} <= set(kinds)
        [answer] = answers(heard)
        assert answer.hits[0].id == spoken.item
        assert answer.words[0].start_s < answer.words[-1].end_s < 5
        await client.opened(answer, answer.hits[0])
        again = await client.answers(stereo, 44_100)
        assert [one.hits[0].id for one in again] == [spoken.item]
        with pytest.raises(OutOfOrder):
            await client.opened(answer, answer.hits[0])


async def test_typed_words_are_searched_before_while_and_after_something_is_heard(server, fixtures):
    async with Client(f"127.0.0.1:{server.port}") as client:
        assert (await client.search("moby dick"))[0].title.startswith("Moby-Dick")
        async for event in client.hear(fixtures.queries[0].path):
            if isinstance(event, SpeechStarted):
                assert len(await client.search("emma", limit=3)) <= 3
        asked = asyncio.gather(client.search("dracula"), client.search("emma"))
        heard = await client.answers(np.zeros(1600, np.float32), 16_000)  # ends their session
        assert [hits[0].title for hits in await asked] == ["Dracula", "Emma"]
        assert heard == ()
        for wrong in ({"query": "x" * 501}, {"query": "x", "limit": 0}):
            with pytest.raises(ConfigError):
                await client.search(**wrong)


async def test_a_loop_that_is_left_ends_its_source_and_the_next_may_begin(server, fixtures):
    sound = read_audio(fixtures.queries[0].path)
    async with Client(server.url) as client:
        async for event in client.hear(Player(sound, tail_s=30)):
            if isinstance(event, SpeechStarted):
                with pytest.raises(OutOfOrder):
                    await anext(client.hear(sound, 16_000))
                break
        assert await client.answers(sound, 16_000)


async def test_a_client_that_is_closed_ends_what_it_heard(server, fixtures):
    closed = asyncio.Event()

    class Endless:
        name, overruns = "endless", 0

        def name_at(self, sample):
            return self.name

        async def blocks(self):
            try:
                async for block in Player(np.zeros(9), tail_s=60).blocks():
                    yield block
            finally:
                closed.set()

    async with Client(server.url) as client:
        events = client.hear(Endless())
        assert await anext(events)
    assert closed.is_set()
    assert [event async for event in events] == []


async def test_a_server_that_is_killed_and_comes_back_loses_nothing(fixtures):
    spoken, second = fixtures.queries[0], None
    server = start()
    server.wait_until_ready()
    async with Client(server.url) as client:
        kinds = []
        async for event in client.hear(spoken.path, speed=3):
            kinds.append(type(event))
            if isinstance(event, SpeechStarted) and second is None:
                server.kill()
                server.process.stderr.close()
                second = start(port=server.port)
            if isinstance(event, Answer):
                assert event.hits[0].id == spoken.item
    second.stop()
    assert [kind for kind in kinds if kind in (events.Connected, events.Disconnected)][:2] == [
        events.Connected, events.Disconnected,
    ]  # fmt: skip
    assert Answer in kinds


async def test_a_client_with_a_server_of_its_own_and_no_address(fixtures, monkeypatch):
    monkeypatch.setenv("SPEECHSEARCH_SERVER__PORT", "1")
    async with Client(model="w2v2-starter") as client:
        assert await client.search("emma")


async def test_nobody_at_the_address_and_a_wrong_token_are_said_at_once():
    with pytest.raises(ServerUnavailable, match="nobody listens"):
        async with Client("ws://127.0.0.1:9"):
            pass
    with serving(SPEECHSEARCH_SERVER__TOKEN="right") as guarded:
        with pytest.raises(ServerUnavailable, match="token"):
            async with Client(guarded.url, token="wrong"):
                pass
        async with Client(guarded.url, token="right") as client:
            assert await client.search("emma")


async def test_what_cannot_be_heard_is_said(server, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    async with Client(server.url) as client:
        for sound, rate_hz in (
            (tmp_path / "text.wav", None), (tmp_path / "absent.wav", None),
            (np.zeros(0, np.float32), 16_000), (np.full(9, 3e4), 16_000), (np.zeros(9), 3),
            (np.full(9, np.nan), 16_000), (np.zeros(9, np.int64), 16_000),
            (np.zeros((2, 2, 2)), 8_000),
        ):  # fmt: skip
            with pytest.raises(AudioError):
                await anext(client.hear(sound, rate_hz))
        with pytest.raises(ConfigError, match="rate"):
            client.hear(np.zeros(9, np.float32))
    with pytest.raises(OutOfOrder):
        await client.search("emma")
    with pytest.raises(ConfigError):
        Client("ws://127.0.0.1:1", index="films")


def test_events_are_frozen_and_every_public_name_is_there():
    for name in speechsearch.__all__:
        assert getattr(speechsearch, name)
    for event in speechsearch.Event.__args__:
        assert event.__dataclass_params__.frozen
        assert dataclasses.fields(event)
    with pytest.raises(AttributeError):
        _ = speechsearch.nonsense
