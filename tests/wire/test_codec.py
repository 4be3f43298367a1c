import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import (
    MalformedMessage,
    MessageTooLarge,
    UnsupportedProtocol,
    WireError,
)
from speechsearch.types import Hit, Hypothesis, Word
from speechsearch.wire import messages as m
from speechsearch.wire.codec import (
    HEADER,
    AudioFrame,
    decode_audio,
    decode_client,
    decode_server,
    encode_audio,
    encode_message,
    to_pcm,
)

LIMITS = m.Limits()
numbers = st.integers(1, 2**32 - 1)
positions = st.integers(0, 2**62)
client_messages = st.one_of(
    st.builds(m.SpeechStart, utterance=numbers, start_sample=positions),
    st.builds(m.Pause, utterance=numbers, sample=positions),
    st.builds(m.Resume, utterance=numbers, sample=positions),
    st.builds(
        m.SpeechEnd,
        utterance=numbers,
        end_sample=positions,
        reason=st.sampled_from(["silence", "max_length", "flush", "cancel"]),
    ),
    st.builds(m.Search, id=st.integers(0, 9), query=st.text(max_size=500)),
    st.builds(m.Flush),
    st.builds(m.Bye),
    st.builds(
        m.Hello,
        protocol=st.just(m.PROTOCOL),
        resume=st.none()
        | st.builds(m.ResumeRequest, token=st.text(max_size=9), awaiting=st.tuples(numbers)),
    ),
)


@given(client_messages)
def test_every_client_message_survives_the_wire(message):
    try:
        text = encode_message(message)
        text.encode()
    except UnicodeEncodeError:
        return
    assert decode_client(text, LIMITS) == message


def test_an_answer_with_all_its_parts_survives_the_wire():
    word = Word("moby", 0.5, 0.9, 0.8)
    final = m.Final(
        utterance=3,
        text="moby dick",
        confidence=0.9,
        words=(word,),
        hypotheses=(Hypothesis("moby dick", 0.9, (word,)),),
        hits=(Hit("moby-dick", "Moby Dick", 0.97, "sound", fields={"year": 1851}),),
        timings_ms={"decode": 31.5},
        model="w2v2@1",
        ear="ctc",
        end_sample=48_000,
        endpoint_reason="silence",
    )
    assert decode_server(encode_message(final)) == final


@given(numbers, positions, st.lists(st.integers(-32768, 32767), min_size=1, max_size=900))
def test_sound_survives_the_wire(utterance, first_sample, pcm):
    frame = AudioFrame(utterance, first_sample, np.array(pcm, np.int16))
    data = encode_audio(frame)
    again = decode_audio(data, LIMITS)
    assert (again.utterance, again.first_sample) == (utterance, first_sample)
    assert again.pcm.tolist() == pcm
    assert np.array_equal(to_pcm(again.samples), frame.pcm)


def test_sound_louder_than_full_scale_is_clipped_not_wrapped():
    assert to_pcm(np.array([-2.0, 2.0, 0.5], np.float32)).tolist() == [-32768, 32767, 16384]


def test_unknown_fields_are_ignored_and_unknown_types_are_an_error():
    assert decode_client('{"type":"flush","future":1}', LIMITS) == m.Flush()
    with pytest.raises(MalformedMessage, match="does not fit"):
        decode_client('{"type":"sing"}', LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"type":"speech_start","utterance":0,"start_sample":0}',
        '{"type":"speech_start","utterance":1}',
        '{"type":"speech_start","utterance":"1","start_sample":0}',
        '{"type":"pause","utterance":1,"sample":-1}',
        '{"type":"speech_end","utterance":1,"end_sample":1,"reason":"bored"}',
        json.dumps({"type": "search", "id": 1, "query": "x" * 501}),
        "\ud800",
    ],
)
def test_what_does_not_fit_the_protocol_is_malformed(text):
    with pytest.raises(MalformedMessage) as caught:
        decode_client(text, LIMITS)
    assert caught.value.hint


def test_a_text_frame_over_the_limit_is_too_large():
    with pytest.raises(MessageTooLarge):
        decode_client('{"type":"flush"' + " " * LIMITS.max_text_bytes + "}", LIMITS)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MalformedMessage),
        (b"\x01" * 15, MalformedMessage),
        (HEADER.pack(1, 1, 0, 1, 0), MalformedMessage),
        (HEADER.pack(1, 1, 0, 1, 0) + b"\0", MalformedMessage),
        (HEADER.pack(1, 1, 0, 1, 2**63) + b"\0\0", MalformedMessage),
        (HEADER.pack(2, 1, 0, 1, 0) + b"\0\0", UnsupportedProtocol),
        (HEADER.pack(1, 9, 0, 1, 0) + b"\0\0", UnsupportedProtocol),
        (HEADER.pack(1, 1, 0, 1, 0) + b"\0" * LIMITS.max_frame_bytes, MessageTooLarge),
    ],
)
def test_a_broken_audio_frame_gets_its_own_error(data, error):
    with pytest.raises(error) as caught:
        decode_audio(data, LIMITS)
    assert caught.value.hint


@given(st.binary(max_size=64) | st.text(max_size=64))
def test_garbage_raises_a_wire_error_and_nothing_else(garbage):
    try:
        if isinstance(garbage, bytes):
            decode_audio(garbage, LIMITS)
        else:
            decode_client(garbage, LIMITS)
    except WireError:
        pass
