import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from speechsearch.errors import (
    LateAudio,
    MalformedMessage,
    OutOfOrder,
    Overloaded,
    RateLimited,
    SamplePositionError,
    SessionLimit,
    UnsupportedProtocol,
    WrongSampleRate,
)
from speechsearch.types import Chunk
from speechsearch.wire import messages as m
from speechsearch.wire.client_session import ClientSession
from speechsearch.wire.codec import AudioFrame, decode_client, encode_audio, encode_message
from speechsearch.wire.events import Asked, Left, Paused, Reply, Resumed, UtteranceEnded, Withdrawn
from speechsearch.wire.server_session import ServerFacts, ServerSession, check_hello

FACTS = ServerFacts("model@1", 500)


class FakeClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def start(number=1, sample=0):
    return encode_message(m.SpeechStart(utterance=number, start_sample=sample))


def end(number=1, sample=0, reason="silence"):
    return encode_message(m.SpeechEnd(utterance=number, end_sample=sample, reason=reason))


def sound(number=1, first=0, length=320):
    return encode_audio(AudioFrame(number, first, np.full(length, 7, np.int16)))


def nothing(number):
    return m.Nothing(utterance=number, why="noise")


def test_an_utterance_arrives_whole_with_its_positions():
    session = ServerSession()
    session.receive_text(start(1, 1000))
    session.receive_audio(sound(1, 1000))
    session.receive_audio(sound(1, 1320))
    ack, ended = session.receive_text(end(1, 1500))
    assert ack == Reply(m.Ack(utterance=1, sample=1640))
    assert isinstance(ended, UtteranceEnded)
    assert (ended.end_sample, ended.reason) == (1500, "silence")
    assert (ended.utterance.start_sample, len(ended.utterance.samples)) == (1000, 640)
    assert session.in_flight
    session.answered(nothing(1), 1)
    assert not session.in_flight


def test_long_speech_is_acknowledged_on_the_way():
    session = ServerSession()
    session.receive_text(start())
    replies = [session.receive_audio(sound(1, n * 320)) for n in range(30)]
    assert [r for r in replies if r] == [[Reply(m.Ack(utterance=1, sample=8000))]]


def test_an_utterance_over_the_limit_is_ended_by_the_server():
    session = ServerSession(m.Limits(max_utterance_ms=40))
    session.receive_text(start())
    session.receive_audio(sound())
    endpoint, ended = session.receive_audio(sound(1, 320))
    assert endpoint.message == m.Endpoint(utterance=1, end_sample=640, reason="max_length")
    assert ended.reason == "max_length"
    with pytest.raises(LateAudio):
        session.receive_audio(sound(1, 640))


def test_a_cancelled_utterance_is_not_answered():
    session = ServerSession()
    session.receive_text(start())
    session.receive_audio(sound())
    assert session.receive_text(end(1, 320, "cancel")) == [
        Reply(m.Ack(utterance=1, sample=320)), Withdrawn(1),
    ]  # fmt: skip
    assert not session.in_flight


def test_bye_answers_what_is_open_first():
    session = ServerSession()
    session.receive_text(start())
    session.receive_audio(sound())
    *_, ended, left = session.receive_text(encode_message(m.Bye()))
    assert isinstance(ended, UtteranceEnded)
    assert left == Left()


def test_a_pause_brings_what_was_said_so_far_and_a_resume_how_long_it_lasted():
    session = ServerSession()
    session.receive_text(start())
    session.receive_audio(sound())
    (paused,) = session.receive_text(encode_message(m.Pause(utterance=1, sample=160)))
    assert isinstance(paused, Paused)
    assert (paused.sample, len(paused.utterance.samples)) == (160, 320)
    resume = encode_message(m.Resume(utterance=1, sample=320))
    assert session.receive_text(resume) == [Resumed(1, 10.0)]
    assert session.receive_text(resume) == []


def test_sound_before_the_pre_roll_only_leads_to_the_utterance():
    session = ServerSession()
    begin = m.SpeechStart(utterance=1, start_sample=1000, onset_sample=1000 + 6000)
    session.receive_text(encode_message(begin))
    assert session.open_utterance.lead_samples == 6000 - 4800
    with pytest.raises(SamplePositionError):
        ServerSession().receive_text(
            encode_message(m.SpeechStart(utterance=1, start_sample=9, onset_sample=8))
        )


def test_search_and_feedback_are_handed_on():
    session = ServerSession()
    session.receive_text(start())
    for message in (
        m.Search(id=1, query="dracula"),
        m.Feedback(utterance=1, action="redo"),
    ):
        assert session.receive_text(encode_message(message)) == [Asked(message)]


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([encode_message(m.Hello(protocol=m.PROTOCOL))], OutOfOrder),
        ([sound()], OutOfOrder),
        ([end()], OutOfOrder),
        ([start(), start(2)], OutOfOrder),
        ([start(), sound(2)], OutOfOrder),
        ([start(), sound(1, 5)], SamplePositionError),
        ([start(), sound(), sound()], SamplePositionError),
        ([start(), sound(), end(1, 321)], SamplePositionError),
        ([start(), sound(), encode_message(m.Pause(utterance=1, sample=321))], SamplePositionError),
        ([start(1, 100), sound(1, 100), end(1, 99)], SamplePositionError),
        ([start(), sound(), end(1, 320), start(2, 100)], SamplePositionError),
        ([start(), sound(), end(1, 320), sound(1, 320)], LateAudio),
        ([start(), sound(), end(1, 320), end(1, 320)], LateAudio),
        ([start(), sound(), end(1, 320), start(1, 320)], LateAudio),
        (["not json"], MalformedMessage),
    ],
)
def test_illegal_order_is_an_error_with_a_name_and_a_hint(frames, error):
    session = ServerSession()
    *legal, last = frames

    def receive(frame):
        return (
            session.receive_text(frame)
            if isinstance(frame, str)
            else (session.receive_audio(frame))
        )

    for frame in legal:
        receive(frame)
    with pytest.raises(error) as caught:
        receive(last)
    assert caught.value.hint
    assert not caught.value.fatal


def test_after_an_error_the_utterance_goes_on_where_it_was():
    session = ServerSession()
    session.receive_text(start())
    session.receive_audio(sound())
    with pytest.raises(SamplePositionError, match="expected 320"):
        session.receive_audio(sound(1, 640))
    session.receive_audio(sound(1, 320))
    *_, ended = session.receive_text(end(1, 640))
    assert len(ended.utterance.samples) == 640


def test_too_many_unanswered_utterances_are_refused_until_one_is_answered():
    session = ServerSession(m.Limits(max_unanswered=1))
    session.receive_text(start())
    session.receive_text(end())
    with pytest.raises(Overloaded) as caught:
        session.receive_text(start(2))
    assert caught.value.utterance == 2
    session.answered(nothing(1), 1)
    assert session.receive_text(start(2)) == []


def test_control_messages_are_limited_by_the_clock():
    clock = FakeClock()
    session = ServerSession(m.Limits(max_messages_per_s=1), clock)
    search = encode_message(m.Search(id=1, query="x"))
    for _ in range(4):
        session.receive_text(search)
    with pytest.raises(RateLimited):
        session.receive_text(search)
    clock.now_s = 1.0
    assert session.receive_text(search)


def test_sound_faster_than_real_time_does_not_run_into_the_rate_limit():
    session = ServerSession(m.Limits(max_messages_per_s=2), FakeClock())
    for number in range(1, 50):
        first = number * 16_000
        session.receive_text(start(number, first))
        session.receive_audio(sound(number, first, 16_000))
        session.receive_text(end(number, first + 16_000))
        session.answered(nothing(number), number)


def test_a_session_ends_after_its_longest_time():
    clock = FakeClock()
    session = ServerSession(m.Limits(max_session_s=10), clock)
    clock.now_s = 11.0
    with pytest.raises(SessionLimit) as caught:
        session.receive_text(start())
    assert caught.value.fatal


@pytest.mark.parametrize(
    ("hello", "error"),
    [
        (m.Hello(protocol="speechsearch.v9"), UnsupportedProtocol),
        (m.Hello(protocol=m.PROTOCOL, sample_rate_hz=44_100), WrongSampleRate),
    ],
)
def test_a_hello_that_asks_for_what_is_not_here_is_refused(hello, error):
    with pytest.raises(error) as caught:
        check_hello(hello)
    assert caught.value.fatal


def hello_of(client):
    return decode_client(client.hello(), m.Limits())


def connect(client, server, *, resumed=False):
    """Greet, replay; the events the replay causes."""
    ready, *answers = server.greet(hello_of(client), FACTS, resumed)
    for answer in answers:
        client.receive(encode_message(answer))
    return deliver(server, client.welcome(ready))


def deliver(server, frames):
    events = []
    for frame in frames:
        receive = server.receive_text if isinstance(frame, str) else server.receive_audio
        events += receive(frame)
    return events


def chunk(first, length=320):
    return Chunk(np.full(length, 0.25, np.float32), first)


def test_a_new_server_gets_the_whole_utterance_again():
    client, first, second = ClientSession(), ServerSession(), ServerSession()
    connect(client, first)
    number, frame = client.start(0)
    deliver(first, [frame, client.audio(number, chunk(0))])
    client.audio(number, chunk(320))
    connect(client, second)
    *_, ended = deliver(second, [client.end(m.SpeechEnd(utterance=number, end_sample=640))])
    assert len(ended.utterance.samples) == 640


def test_a_resumed_session_gets_only_what_it_has_not():
    client, server = ClientSession(), ServerSession()
    connect(client, server)
    number, frame = client.start(0)
    deliver(server, [frame, client.audio(number, chunk(0))])
    client.audio(number, chunk(320))
    client.end(m.SpeechEnd(utterance=number, end_sample=640))
    *_, ended = connect(client, server, resumed=True)
    assert len(ended.utterance.samples) == 640


def test_an_answer_lost_on_the_way_is_sent_again_and_not_searched_twice():
    client, server = ClientSession(), ServerSession()
    connect(client, server)
    number, frame = client.start(0)
    deliver(server, [frame, client.audio(number, chunk(0))])
    deliver(server, [client.end(m.SpeechEnd(utterance=number, end_sample=320))])
    server.answered(nothing(number), number)
    assert client.awaiting == (number,)
    assert connect(client, server, resumed=True) == []
    assert client.awaiting == ()


def test_an_utterance_cancelled_while_the_socket_was_gone_is_dropped_by_the_server():
    client, server = ClientSession(), ServerSession()
    connect(client, server)
    number, frame = client.start(0)
    deliver(server, [frame])
    client.end(m.SpeechEnd(utterance=number, end_sample=0, reason="cancel"))
    connect(client, server, resumed=True)
    number, frame = client.start(5000)
    assert deliver(server, [frame]) == []


def test_without_a_server_the_oldest_utterances_are_given_up_and_said():
    client = ClientSession()
    for n in range(8):
        number, _ = client.start(n)
        client.end(m.SpeechEnd(utterance=number, end_sample=n))
        assert client.give_up_oldest() is None
    client.start(9)
    assert client.give_up_oldest() == 1


class Broken(RuleBasedStateMachine):
    """A client speaks while its socket breaks, resumes, or meets a new server at any moment."""

    def __init__(self):
        super().__init__()
        self.client, self.server = ClientSession(), ServerSession()
        self.connected = self.speaking = False
        self.position = self.number = 0
        self.said, self.answers = {}, {}

    def deliver(self, frames):
        if self.connected:
            self.note(deliver(self.server, frames))

    def note(self, events):
        for event in events:
            if isinstance(event, UtteranceEnded):
                number = event.utterance.number
                assert number not in self.answers, "answered twice"
                assert np.array_equal(event.utterance.samples, np.concatenate(self.said[number]))
                self.answers[number] = event
                self.server.answered(nothing(number), number)

    @precondition(lambda self: not self.connected)
    @rule(new_server=st.booleans())
    def connect(self, new_server):
        resumed = not new_server
        if new_server:
            self.server = ServerSession()
            for number in self.client.awaiting:
                self.answers.pop(number, None)
        ready, *answers = self.server.greet(hello_of(self.client), FACTS, resumed)
        for answer in answers:
            self.client.receive(encode_message(answer))
        self.connected = True
        self.deliver(self.client.welcome(ready))

    @precondition(lambda self: self.connected)
    @rule()
    def lose_the_socket(self):
        self.connected = False

    @precondition(lambda self: not self.speaking and len(self.client.awaiting) < 8)
    @rule(gap=st.integers(0, 100))
    def start(self, gap):
        self.position += gap
        self.number, frame = self.client.start(self.position)
        self.said[self.number] = [np.zeros(0, np.float32)]
        self.speaking = True
        self.deliver([frame])

    @precondition(lambda self: self.speaking)
    @rule(length=st.integers(1, 700), level=st.integers(-100, 100))
    def speak(self, length, level):
        samples = np.full(length, level / 256, np.float32)
        frame = self.client.audio(self.number, Chunk(samples, self.position))
        self.position += length
        self.said[self.number].append(samples)
        self.deliver([frame])

    @precondition(lambda self: self.speaking)
    @rule()
    def end(self):
        self.speaking = False
        message = m.SpeechEnd(utterance=self.number, end_sample=self.position)
        self.deliver([self.client.end(message)])

    @precondition(lambda self: self.connected)
    @rule()
    def hear_the_answers(self):
        for number in self.client.awaiting:
            if number in self.answers:
                self.client.receive(encode_message(nothing(number)))

    @invariant()
    def nothing_spoken_is_lost(self):
        ended = [n for n in self.said if not (self.speaking and n == self.number)]
        if self.connected:
            assert all(number in self.answers for number in ended)


Broken.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBroken = Broken.TestCase
