import asyncio
import contextlib
import dataclasses
from contextlib import asynccontextmanager

import numpy as np
import pytest
import soxr

import speechsearch
from speechsearch import Answer, Client, Endpoint, Failure, Level, Partial, SpeechStarted
from speechsearch.audio.player import Player, read_audio
from speechsearch.client import events
from speechsearch.errors import AudioError, ConfigError, OutOfOrder, ServerUnavailable
from tests.audio.pulse import needs_pulseaudio
from tests.serving import serving


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
        async for event in client.hear(Player(sound, tail_s=10)):
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
                async for block in Player(np.zeros(9, np.float32), tail_s=5).blocks():
                    yield block
            finally:
                closed.set()

    async with Client(server.url) as client:
        events = client.hear(Endless())
        assert await anext(events)
    assert closed.is_set()
    assert [event async for event in events] == []


@asynccontextmanager
async def relay(port):
    """A way to the server that can be cut; where it is, and the connections that go through."""
    ways = []

    async def pass_on(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def connect(reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        ways.append(writer)
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}", ways


async def test_a_connection_that_breaks_in_the_middle_of_a_word_costs_nothing(server, fixtures):
    spoken, seen = fixtures.queries[0], []
    async with relay(server.port) as (address, ways), Client(address) as client:
        async for event in client.hear(spoken.path, speed=2):
            if isinstance(event, SpeechStarted):
                ways[-1].transport.abort()
            if isinstance(event, Answer):
                assert event.hits[0].id == spoken.item
            if not isinstance(event, Level):
                seen.append(event)
    connection = [one for one in seen if isinstance(one, events.Connected | events.Disconnected)]
    assert [type(one) for one in connection] == [
        events.Connected, events.Disconnected, events.Connected,
    ]  # fmt: skip
    assert connection[2].resumed
    assert len(answers(seen)) == 1


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


@needs_pulseaudio
async def test_a_program_may_hold_to_talk(cables, server, fixtures):
    spoken, playing = fixtures.queries[0], None
    async with Client(server.url) as client:
        with pytest.raises(OutOfOrder):
            client.press()
        async for event in client.listen(hold=True):
            match event:
                case events.Connected():
                    client.press()
                    playing = cables.playing(spoken.path)
                case SpeechStarted():
                    asyncio.get_running_loop().call_later(2.2, client.release)
                case Endpoint(reason=reason):
                    assert reason == "flush"
                case Answer(hits=hits):
                    assert hits[0].id == spoken.item
                    break
    playing.wait()
