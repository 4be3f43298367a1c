import json
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.codec import decode_audio, decode_client, encode_message
from speechsearch.wire.events import Paused, Reply, UtteranceEnded
from speechsearch.wire.server_session import ServerFacts, ServerSession, check_hello
from speechsearch.wire.stream import SameEars, Stream
from tests.page.node import module
from tests.vad.test_segmenter import LoudIsSpeech
from tests.wire.test_stream import OPTIONS, SHORTEST_MS, allowance_ms, spoken

FACTS = ServerFacts("model@1", 500)
FRAME = 512
LIMITS = m.Limits()


@contextmanager
def session(*args):
    with module("session.js", "Session", *args) as subject:
        yield subject


def pcm(sound):
    return np.rint(sound * 32768).astype(np.int16)


class Server:
    """The real core, with answers that come at once."""

    def __init__(self):
        ears = SameEars(lambda: Segmenter(LoudIsSpeech(), OPTIONS), SHORTEST_MS)
        self.stream = Stream(ServerSession(), ears)
        self.answered = []

    def greet(self, client, *, resumed):
        hello = decode_client(client.call("hello"), LIMITS)
        check_hello(hello)
        ready, *more = self.stream.greet(hello, FACTS, resumed)
        client.call("receive", encode_message(ready))
        frames = client.call("welcome", json.loads(encode_message(ready)))
        self.tell(client, more)
        for one in frames:
            self.hear(client, one)

    def hear(self, client, frame):
        """What a frame brings, told to the client where there is one."""
        text = isinstance(frame, str)
        receive = self.stream.receive_text if text else self.stream.receive_audio
        self.follow(client, receive(frame))

    def follow(self, client, events):
        for event in events:
            if isinstance(event, Reply):
                self.tell(client, [event.message])
            elif isinstance(event, Paused):
                advised = self.stream.advise(event.sample, allowance_ms(event.sample))
                self.follow(client, advised)
            elif isinstance(event, UtteranceEnded):
                number = event.utterance.number
                answer = m.Nothing(utterance=number, why="test")
                self.stream.session.answered(answer, number)
                self.answered.append(event)
                self.tell(client, [answer])

    def tell(self, client, messages):
        for message in messages:
            if client:
                client.call("receive", encode_message(message))


def spans(server):
    return [(e.utterance.start_sample, e.end_sample) for e in server.answered]


def test_the_hello_and_the_frames_are_those_of_the_protocol():
    with session("secret") as client:
        hello = decode_client(client.call("hello"), LIMITS)
        assert (hello.vad, hello.token, hello.resume) == ("server", "secret", None)
        frame = decode_audio(client.call("audio", 1 << 40, np.array([1, -2, 3], np.int16)), LIMITS)
        assert (frame.utterance, frame.first_sample) == (0, 1 << 40)
        assert frame.pcm.tolist() == [1, -2, 3]
        assert decode_client(client.call("flush"), LIMITS) == m.Flush()
        search = decode_client(client.call("search", "emma"), LIMITS)
        assert (search.id, search.query) == (1, "emma")
        click = decode_client(client.call("feedback", 3, "click", "emma"), LIMITS)
        assert click == m.Feedback(utterance=3, action="click", hit="emma")


SOUND = spoken((8, 20), (40, 52), (80, 92), length=110)


def expected():
    server = Server()
    with session() as client:
        server.greet(client, resumed=False)
        for start in range(0, len(SOUND), FRAME):
            server.hear(client, client.call("audio", start, pcm(SOUND[start : start + FRAME])))
        server.hear(client, client.call("flush"))
    return spans(server)


@pytest.fixture(scope="module")
def unbroken():
    return expected()


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 8), st.integers(0, 12)), min_size=1, max_size=4
    )
)
def test_a_socket_that_breaks_costs_nothing_that_was_spoken(unbroken, phases):
    """Connected for some frames, then deaf (the server hears, the client hears nothing of it), then
    away, then back; after the phases it holds.
    """
    links = "".join("+" * on + "?" * deaf + "-" * away for on, deaf, away in phases).ljust(200, "+")
    server, before = Server(), "-"
    with session() as client:
        for link, start in zip(links, range(0, len(SOUND), FRAME), strict=False):
            frame = client.call("audio", start, pcm(SOUND[start : start + FRAME]))
            if link == "+" and before != "+":
                server.greet(client, resumed=start > 0)
            elif link != "-" and before != "-":
                server.hear(client if link == "+" else None, frame)
            before = link
        server.greet(client, resumed=True)
        server.hear(client, client.call("flush"))
        assert client.get("unacknowledged") == 0
        assert client.call("hello").count('"awaiting":[]')
    assert spans(server) == unbroken


@pytest.mark.parametrize("at", [4, 12, 22, 30, 46, 85])
def test_a_server_started_anew_hears_again_what_got_no_answer(at, unbroken):
    first, second = Server(), Server()
    with session() as client:
        first.greet(client, resumed=False)
        for number, start in enumerate(range(0, len(SOUND), FRAME)):
            frame = client.call("audio", start, pcm(SOUND[start : start + FRAME]))
            if number < at:
                first.hear(client, frame)
            if number == at + 5:
                second.greet(client, resumed=False)
            elif number > at + 5:
                second.hear(client, frame)
        second.hear(client, client.call("flush"))
    assert spans(first) + spans(second) == unbroken


def test_sound_that_nobody_may_need_again_is_forgotten():
    server = Server()
    with session() as client:
        server.greet(client, resumed=False)
        quiet = np.zeros(FRAME, np.int16)
        for number in range(200):
            server.hear(client, client.call("audio", number * FRAME, quiet))
        kept = len(client.get("kept"))
        assert kept * FRAME < 3 * 16_000
        assert not client.get("lost")


def test_a_minute_is_kept_while_nobody_answers_and_more_is_said_to_be_lost():
    with session() as client:
        second = np.zeros(16_000, np.int16)
        for number in range(60):
            client.call("audio", number * 16_000, second)
        assert not client.get("lost")
        for number in range(60, 63):
            client.call("audio", number * 16_000, second)
        assert client.get("lost")
        assert client.get("kept")[0]["first"] >= 16_000


def test_sound_between_which_the_microphone_was_off_is_replayed_with_its_gap():
    with session() as client:
        client.call("audio", 0, np.ones(FRAME, np.int16))
        client.call("flush")
        client.call("audio", 100 * FRAME, np.ones(FRAME, np.int16))
        server = Server()
        server.greet(client, resumed=False)
        assert server.stream._next == 101 * FRAME
