from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.errors import MalformedMessage, OutOfOrder, SamplePositionError
from speechsearch.types import Chunk, ms_to_samples
from speechsearch.vad import endpointer as vad
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.codec import AudioFrame, encode_audio, encode_message, to_pcm
from speechsearch.wire.events import Left, Paused, Reply, Resumed, UtteranceEnded, Withdrawn
from speechsearch.wire.server_session import ServerFacts, ServerSession
from speechsearch.wire.stream import SameEars, Stream
from tests.vad.test_segmenter import LoudIsSpeech

FACTS = ServerFacts("model@1", 500)
OPTIONS = vad.EndpointerOptions(
    min_speech_ms=64, pause_ms=64, hangover_ms=256, max_utterance_ms=2000, pre_roll_ms=96,
    post_roll_ms=64, rejoin_ms=160,
)  # fmt: skip
SHORTEST_MS = 128
HELLO = m.Hello(protocol=m.PROTOCOL, vad="server")
FRAME = 512


def new_stream(limits=None):
    ears = SameEars(lambda: Segmenter(LoudIsSpeech(), OPTIONS), SHORTEST_MS)
    return Stream(ServerSession(limits), ears)


def spoken(*spans, length):
    """A ramp that names each sample's position, loud inside the spans (in frames of 32 ms)."""
    sound = np.linspace(0, 0.4, length * FRAME, dtype=np.float32)
    for start, end in spans:
        sound[start * FRAME : end * FRAME] += 0.55
    return sound


def frame(sound, first=0):
    return encode_audio(AudioFrame(0, first, to_pcm(sound)))


def alternating(spans):
    """Frames of quiet and of speech, turn about."""
    position, loud = 4, []
    for quiet, speech in spans:
        position += quiet
        loud.append((position, position + speech))
        position += speech
    return spoken(*loud, length=position + 12)


def messages(events, kind):
    return [e.message for e in events if isinstance(e, Reply) and isinstance(e.message, kind)]


def allowance_ms(pause_sample):
    """Stands for what the words say: as arbitrary, and known only once the pause is there."""
    return (SHORTEST_MS, 160, 224)[pause_sample // FRAME % 3]


def play(stream, sound, sizes, delays=(), answer=True):
    """Feed a sound in frames of some sizes; advice comes some frames late. All events."""
    sizes, delays = iter(sizes), iter(delays)
    events, owed, position = [], [], 0

    def deal(new):
        events.extend(new)
        for event in new:
            if isinstance(event, Paused):
                owed.append([next(delays, 0), event.sample])
            if isinstance(event, Resumed | UtteranceEnded):
                owed.clear()
            if isinstance(event, UtteranceEnded) and answer:
                number = event.utterance.number
                stream.session.answered(m.Nothing(utterance=number, why="test"), number)
                deal(stream.go_on())

    while position < len(sound) or owed:
        size = next(sizes, FRAME)
        if position < len(sound) and not stream.waits:
            deal(stream.receive_audio(frame(sound[position : position + size], position)))
            position += size
        if owed and (owed[0][0] == 0 or position >= len(sound)):
            _, pause = owed.pop(0)
            deal(stream.advise(pause, allowance_ms(pause)))
        elif owed:
            owed[0][0] -= 1
    deal(stream.receive_text(encode_message(m.Flush())))
    return events


def cut_by_a_client(sound):
    """(start, sound, end, reason) of each utterance as a client that cuts gets them."""
    segmenter, found, start, parts = Segmenter(LoudIsSpeech(), OPTIONS), [], 0, []

    def follow(events):
        nonlocal start, parts
        for event in events:
            match event:
                case vad.SpeechStart():
                    start, parts = event.start_sample, []
                case Chunk():
                    parts.append(event.samples)
                case vad.Pause(sample):
                    follow(segmenter.shorten(sample, allowance_ms(sample)))
                case vad.SpeechEnd():
                    found.append((start, np.concatenate(parts), event.end_sample, event.reason))

    for position in range(0, len(sound), FRAME):
        follow(segmenter.feed(sound[position : position + FRAME]))
    follow(segmenter.flush())
    return found


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 14), st.integers(1, 12)), min_size=1, max_size=6),
    st.lists(st.integers(1, 6000), max_size=60),
    st.lists(st.integers(0, 4), max_size=12),
)
def test_the_server_cuts_as_the_client_would_however_sound_and_advice_come(spans, sizes, delays):
    sound = alternating(spans)
    ended = [e for e in play(new_stream(), sound, sizes, delays) if isinstance(e, UtteranceEnded)]
    expected = cut_by_a_client(to_pcm(sound).astype(np.float32) / 32768)
    assert [(e.utterance.start_sample, e.end_sample, e.reason) for e in ended] == [
        (start, end, reason) for start, _, end, reason in expected
    ]
    for event, (_, samples, _, _) in zip(ended, expected, strict=True):
        np.testing.assert_array_equal(event.utterance.samples, samples)


def test_a_client_is_told_of_speech_pause_and_endpoint():
    events = play(new_stream(), spoken((10, 20), length=40), [])
    speech, pause = messages(events, m.Vad)
    assert (speech.state, speech.sample, speech.start_sample) == ("speech", 10 * FRAME, 7 * FRAME)
    assert (pause.state, pause.sample, pause.utterance) == ("pause", 20 * FRAME, 1)
    (endpoint,) = messages(events, m.Endpoint)
    assert (endpoint.end_sample, endpoint.reason) == (20 * FRAME, "silence")
    assert endpoint.decided_sample == 20 * FRAME + ms_to_samples(allowance_ms(20 * FRAME))
    assert not messages(events, m.Hangover)


def test_sound_is_heard_no_further_than_the_shortest_hangover_until_the_server_has_advised():
    stream, sound = new_stream(), spoken((10, 20), length=60)
    events = stream.receive_audio(frame(sound))
    assert any(isinstance(event, Paused) for event in events)
    assert not any(isinstance(event, UtteranceEnded) for event in events)
    assert stream.waits
    (ended,) = (e for e in stream.advise(20 * FRAME, 160) if isinstance(e, UtteranceEnded))
    assert ended.end_sample == 20 * FRAME
    assert not stream.waits


def test_the_endpoint_says_how_long_its_sound_had_to_wait():
    now_s = [5.0]
    ears = SameEars(lambda: Segmenter(LoudIsSpeech(), OPTIONS), SHORTEST_MS)
    stream = Stream(ServerSession(), ears, lambda: now_s[0])
    stream.receive_audio(frame(spoken((10, 20), length=60)))
    now_s[0] += 0.25
    (endpoint,) = messages(stream.advise(20 * FRAME, 160), m.Endpoint)
    assert endpoint.waited_ms == 250


def test_speech_that_goes_on_within_the_shortest_hangover_needs_no_advice():
    stream, sound = new_stream(), spoken((10, 20), (23, 30), length=31)
    events = stream.receive_audio(frame(sound))
    assert [type(e) for e in events if isinstance(e, Paused | Resumed)] == [Paused, Resumed]
    assert not stream.waits


def test_the_answers_that_are_owed_bound_how_much_is_heard():
    stream = new_stream(m.Limits(max_unanswered=2, max_frame_bytes=10**6))
    sound = spoken(*((n, n + 10) for n in range(10, 200, 40)), length=220)
    events, starts = stream.receive_audio(frame(sound)), []
    while stream.waits:
        starts += [e for e in messages(events, m.Vad) if e.state == "speech"]
        pauses = [e.sample for e in events if isinstance(e, Paused)]
        if not pauses:
            break
        events = stream.advise(pauses[-1], 160)
    assert len(starts) == stream.session.unanswered == 2
    stream.session.answered(m.Nothing(utterance=1, why="test"), 1)
    assert messages(stream.go_on(), m.Vad)


def test_flush_ends_what_is_open_after_the_sound_that_still_waits():
    stream, sound = new_stream(), spoken((10, 20), (26, 40), length=40)
    stream.receive_audio(frame(sound))
    assert stream.waits
    acknowledged, *_ = stream.receive_text(encode_message(m.Flush()))
    assert acknowledged == Reply(m.Ack(utterance=0, sample=len(sound)))
    ended = [e for e in stream.advise(20 * FRAME, 160) if isinstance(e, UtteranceEnded)]
    assert [(e.end_sample, e.reason) for e in ended] == [
        (20 * FRAME, "silence"), (40 * FRAME, "flush"),
    ]  # fmt: skip


def test_after_a_flush_sound_may_begin_later_and_is_another_recording():
    stream, sound, later = new_stream(), spoken((10, 20), length=21), 100 * FRAME
    stream.receive_audio(frame(sound))
    (ended,) = (
        e for e in stream.receive_text(encode_message(m.Flush())) if isinstance(e, UtteranceEnded)
    )
    assert ended.reason == "flush"
    events = stream.receive_audio(frame(spoken((1, 9), length=10), later))
    (speech,) = messages(events, m.Vad)
    assert (speech.start_sample, speech.utterance) == (later, 2)


@pytest.mark.parametrize("first", [0, 2 * FRAME])
def test_a_gap_or_an_overlap_names_the_position_expected(first):
    stream = new_stream()
    stream.receive_audio(frame(np.zeros(FRAME, np.float32)))
    with pytest.raises(SamplePositionError) as refused:
        stream.receive_audio(frame(np.zeros(FRAME, np.float32), first))
    assert str(FRAME) in refused.value.hint
    stream.receive_audio(frame(np.zeros(FRAME, np.float32), FRAME))


@pytest.mark.parametrize(
    "message",
    [
        m.SpeechStart(utterance=1, start_sample=0), m.Pause(utterance=1, sample=0),
        m.Resume(utterance=1, sample=0), m.SpeechEnd(utterance=1, end_sample=0),
    ],
)  # fmt: skip
def test_a_client_that_cuts_as_well_is_told_that_the_server_does(message):
    with pytest.raises(OutOfOrder):
        new_stream().receive_text(encode_message(message))


def test_sound_of_an_utterance_is_refused_and_so_is_a_stream_where_the_client_cuts():
    numbered = encode_audio(AudioFrame(1, 0, np.zeros(4, np.int16)))
    with pytest.raises(MalformedMessage):
        new_stream().receive_audio(numbered)
    with pytest.raises(MalformedMessage):
        ServerSession().receive_audio(frame(np.zeros(4, np.float32)))


def test_what_is_withdrawn_gets_no_answer_and_what_follows_does():
    stream, sound = new_stream(), spoken((10, 20), (40, 50), length=70)
    stream.receive_audio(frame(sound[: 20 * FRAME]))
    cancel = m.SpeechEnd(utterance=1, end_sample=0, reason="cancel")
    assert Withdrawn(1) in stream.receive_text(encode_message(cancel))
    events = stream.receive_audio(frame(sound[20 * FRAME :], 20 * FRAME))
    events += stream.advise(50 * FRAME, 160)
    assert [e.utterance.number for e in events if isinstance(e, UtteranceEnded)] == [2]


def test_withdrawing_in_a_pause_lets_the_sound_go_on_that_waited_for_advice():
    stream = new_stream()
    stream.receive_audio(frame(spoken((10, 20), length=60)))
    assert stream.waits
    stream.receive_text(encode_message(m.SpeechEnd(utterance=1, end_sample=0, reason="cancel")))
    assert not stream.waits


def test_bye_ends_what_is_open_and_leaves():
    stream = new_stream()
    stream.receive_audio(frame(spoken((10, 20), length=20)))
    *_, ended, left = stream.receive_text(encode_message(m.Bye()))
    assert isinstance(ended, UtteranceEnded)
    assert left == Left()


def test_after_a_resume_the_client_learns_where_to_go_on_and_every_answer_it_missed():
    stream = new_stream()
    play(stream, spoken((10, 20), (50, 60), length=90), [])
    position = 90 * FRAME
    stream.receive_audio(frame(spoken((4, 20), length=20), position))
    token = stream.session.resume_token
    resume = m.ResumeRequest(token=token, awaiting=(1,), newest=1)
    hello = m.Hello(protocol=m.PROTOCOL, vad="server", resume=resume)
    ready, first, second, state = stream.greet(hello, FACTS, True)
    assert ready.received == (m.Received(utterance=0, sample=position + 20 * FRAME),)
    assert (first.utterance, second.utterance, state.utterance) == (1, 2, 3)
    assert state.start_sample == position + FRAME


def test_a_new_session_may_begin_anywhere_on_the_time_line():
    stream = new_stream()
    (ready,) = stream.greet(HELLO, FACTS, False)
    assert ready.received == ()
    events = stream.receive_audio(frame(spoken((4, 20), length=20), 1_000_000))
    assert messages(events, m.Vad)[0].sample == 1_000_000 + 4 * FRAME


class Ears:
    """Those that may be exchanged."""

    shortest_hangover_ms = SHORTEST_MS

    def __init__(self):
        self.change(OPTIONS)

    def change(self, options):
        self.segmenter = lambda: Segmenter(LoudIsSpeech(), options)


SHORT_PRE_ROLL = replace(OPTIONS, pre_roll_ms=32)


def heard_by(ears, stream, pieces):
    """Starts of the utterances; before each piece of sound the options are put in force."""
    position, starts = 0, []
    for options, sound in pieces:
        if options:
            ears.change(options)
        for place in range(0, len(sound), FRAME):
            events = stream.receive_audio(frame(sound[place : place + FRAME], position))
            position += len(sound[place : place + FRAME])
            pauses = [event.sample for event in events if isinstance(event, Paused)]
            for pause in pauses:
                events += stream.advise(pause, SHORTEST_MS)
            for event in events:
                if isinstance(event, UtteranceEnded):
                    starts.append(event.utterance.start_sample // FRAME)
                    number = event.utterance.number
                    stream.session.answered(m.Nothing(utterance=number, why="test"), number)
    return starts


def test_other_ears_take_over_in_a_long_silence_and_not_in_an_utterance():
    ears = Ears()
    stream = Stream(ServerSession(), ears)
    begun, rest = spoken((10, 20), length=15), spoken((10, 20), length=80)[15 * FRAME :]
    again = spoken((10, 20), length=40)
    starts = heard_by(ears, stream, [(None, begun), (SHORT_PRE_ROLL, rest), (None, again)])
    assert starts == [10 - 3, 90 - 1], "three frames of pre-roll, then one"


def test_other_ears_wait_while_an_utterance_could_still_reach_back():
    ears = Ears()
    stream = Stream(ServerSession(), ears)
    soon = spoken((10, 20), (40, 50), length=100)
    starts = heard_by(
        ears, stream, [(None, soon[: 12 * FRAME]), (SHORT_PRE_ROLL, soon[12 * FRAME :])]
    )
    assert starts == [10 - 3, 40 - 3]


def test_a_gap_in_the_sound_is_heard_by_other_ears_at_once():
    ears = Ears()
    stream = Stream(ServerSession(), ears)
    stream.receive_audio(frame(spoken(length=5)))
    stream.receive_text(encode_message(m.Flush()))
    ears.change(SHORT_PRE_ROLL)
    stream.receive_audio(frame(spoken((10, 20), length=30), 100 * FRAME))
    ended = [e for e in stream.advise(120 * FRAME, SHORTEST_MS) if isinstance(e, UtteranceEnded)]
    assert [event.utterance.start_sample for event in ended] == [109 * FRAME]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 90), st.integers(1, 12)), min_size=1, max_size=5),
    st.lists(st.integers(0, 300), max_size=5),
)
def test_ears_that_hear_alike_may_take_over_at_any_time_and_nothing_changes(spans, changes):
    sound = alternating(spans)
    frames = [sound[place : place + FRAME] for place in range(0, len(sound), FRAME)]
    ears, same = Ears(), Ears()
    pieces = [(OPTIONS if n in changes else None, one) for n, one in enumerate(frames)]
    unchanged = [(None, one) for one in frames]
    changed = heard_by(ears, Stream(ServerSession(), ears), pieces)
    assert changed == heard_by(same, Stream(ServerSession(), same), unchanged)
