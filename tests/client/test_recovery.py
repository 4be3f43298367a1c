"""A server that is killed in the middle of an utterance costs nothing that was spoken."""

import numpy as np

from speechsearch.audio.player import Player, read_audio
from speechsearch.client.connection import Connection, ConnectionState, GivenUp
from speechsearch.client.voice import Answer, Voice
from speechsearch.client.voices import detector_of
from speechsearch.config import load_settings
from speechsearch.vad.endpointer import SpeechEnd, SpeechStart
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from tests.serving import serving, start


def voice_over(sound, url):
    settings = load_settings()
    segmenter = Segmenter(detector_of(settings), settings.vad)
    return Voice(Player(sound, speed=1, tail_s=2), segmenter, Connection(url))


async def test_after_kill_9_the_client_says_so_reconnects_and_answers_what_was_said(fixtures):
    spoken = fixtures.queries[0]
    sound = read_audio(spoken.path)
    server = start()
    server.wait_until_ready()
    second = None
    states, answers = [], []
    async for event in voice_over(np.concatenate([sound, sound]), server.url).run():
        if isinstance(event, SpeechStart) and second is None:
            server.kill()
            server.process.stderr.close()
            second = start(port=server.port)
        if isinstance(event, ConnectionState):
            states.append(event)
        if isinstance(event, Answer) and isinstance(event.message, m.Final):
            answers.append(event)
    second.stop()
    assert states[0].state == "connected"
    assert states[-1].state == "connected"
    lost = [state for state in states if state.state == "lost"]
    assert "broke" in lost[0].message
    delays_s = [state.retry_in_s for state in lost]
    assert delays_s == sorted(delays_s)
    assert {answer.message.hits[0].id for answer in answers} == {spoken.item}
    assert len(answers) == 2


async def test_speech_before_the_first_connection_is_answered_once_there_is_one(fixtures):
    spoken = fixtures.queries[0]
    server = None
    answers = []
    with serving() as probe:
        port = probe.port
    voice = voice_over(read_audio(spoken.path), f"ws://127.0.0.1:{port}/v1/stream")
    async for event in voice.run():
        if isinstance(event, SpeechEnd) and server is None:
            server = start(port=port)
        if isinstance(event, Answer):
            answers.append(event.message)
        assert not isinstance(event, GivenUp)
    server.stop()
    assert [answer.hits[0].id for answer in answers] == [spoken.item]
