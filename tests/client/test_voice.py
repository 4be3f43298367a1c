import asyncio
import contextlib

import numpy as np

from speechsearch.audio.held import HeldSource
from speechsearch.audio.player import Player, read_audio
from speechsearch.audio.source import SourceNotice
from speechsearch.client.connection import Connection
from speechsearch.client.voice import Answer, Voice
from speechsearch.client.voices import detector_of, live_voice
from speechsearch.config import load_settings
from speechsearch.vad.endpointer import (
    EndpointerOptions,
    Pause,
    Resume,
    SpeechEnd,
    SpeechStart,
)
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m


def voice_over(server, *recordings):
    settings = load_settings()
    sound = np.concatenate([read_audio(one.path) for one in recordings])
    segmenter = Segmenter(detector_of(settings), settings.vad)
    return Voice(Player(sound, tail_s=1.5), segmenter, Connection(server.url))


async def test_what_is_cancelled_gets_no_answer_and_what_follows_does(server, fixtures):
    first, second = fixtures.queries[:2]
    voice, answers, cancelled = voice_over(server, first, second), [], False
    async for event in voice.run():
        if isinstance(event, SpeechStart) and not cancelled:
            await asyncio.sleep(0.31)
            voice.cancel()
            cancelled = True
        assert not isinstance(event, m.Error)
        if isinstance(event, Answer):
            answers.append(event.message)
    assert [answer.hits[0].id for answer in answers] == [second.item]


async def test_every_instant_of_an_answer_is_in_order(server, fixtures):
    voice, seen = voice_over(server, fixtures.queries[0]), []
    async for event in voice.run():
        seen.append(type(event))
        if isinstance(event, Answer):
            assert event.t0_s < event.t1_s <= event.t2_s <= event.t3_s
            timings = event.timings_ms
            parts = sum(timings[name] for name in ("endpoint", "network", "wait"))
            assert abs(parts - timings["end_of_speech_to_results"]) < 1
    assert Pause in seen
    assert Answer in seen
    assert voice.captured_bytes > voice.connection.bytes_sent > 0


async def test_while_a_key_is_held_no_pause_ends_what_is_said(server, fixtures):
    first, second = (read_audio(one.path) for one in fixtures.queries[:2])
    pause = np.zeros(32_000, np.float32)
    held = HeldSource(Player(np.concatenate([first, pause, second]), speed=0, tail_s=0))
    held.press()
    seen = []
    async for event in live_voice(held, Connection(server.url), load_settings(), hold=True).run():
        seen.append(event)
    assert Resume in [type(event) for event in seen]
    assert [event.reason for event in seen if isinstance(event, SpeechEnd)] == ["flush"]
    assert [type(event.message) for event in seen if isinstance(event, Answer)] == [m.Final]


class Unplugged:
    """A microphone that is pulled out right after the last word, and does not come back."""

    name, overruns = "headset", 0

    def __init__(self, sound):
        self.sound = sound

    def name_at(self, sample):
        return self.name

    async def blocks(self):
        async for block in Player(self.sound, speed=0, tail_s=0).blocks():
            yield block
        yield SourceNotice("the microphone is gone; waiting for it", "lost")
        await asyncio.sleep(3600)


async def test_what_was_said_before_the_microphone_vanished_is_answered(server, fixtures):
    spoken = fixtures.queries[0]
    t0_sample = round(spoken.t0_s * 16_000)
    unplugged = Unplugged(read_audio(spoken.path)[:t0_sample])
    voice = live_voice(unplugged, Connection(server.url), load_settings())
    async with contextlib.aclosing(voice.run()) as events:
        async for event in events:
            if isinstance(event, Answer):
                assert event.message.endpoint_reason == "flush"
                assert event.message.hits[0].id == spoken.item
                break


class LateWords:
    """A connection to a server that allows a pause 320 ms at once, and some time later 160."""

    utterance, bytes_sent = 1, 0

    def __init__(self, late_s):
        self.late_s, self.said, self.ends = late_s, asyncio.Queue(), []

    def submit(self, event):
        if isinstance(event, Pause):
            self.allow(event.sample, 320, False)
            asyncio.get_running_loop().call_later(self.late_s, self.allow, event.sample, 160, True)
        if isinstance(event, SpeechEnd):
            self.ends.append((event.decided_sample - event.end_sample) / 16)

    def allow(self, sample, ms, settled):
        self.said.put_nowait(
            m.Hangover(utterance=1, sample=sample, hangover_ms=ms, reason="usual", settled=settled)
        )

    async def events(self):
        while True:
            yield await self.said.get()

    async def ready(self):
        pass

    room = settled = ready


async def ends_of(fixture, late_s, **how):
    settings, connection = load_settings(), LateWords(late_s)
    segmenter = Segmenter(detector_of(settings), settings.vad)
    player = Player(read_audio(fixture.path), tail_s=1.5, speed=float(how.get("live", True)))
    async for _ in Voice(player, segmenter, connection, **how).heard():
        pass
    return connection.ends


async def test_a_live_pause_whose_words_are_late_lasts_as_long_as_was_said_at_first(fixtures):
    ends_ms = await ends_of(fixtures.queries[0], late_s=60)
    assert all(320 <= ms < EndpointerOptions().hangover_ms for ms in ends_ms)
    assert ends_ms


async def test_a_recording_waits_for_words_that_are_late(fixtures):
    ends_ms = await ends_of(fixtures.queries[0], late_s=0.1, live=False)
    assert ends_ms
    assert set(ends_ms) == {160}
