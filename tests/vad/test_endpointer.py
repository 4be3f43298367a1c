import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import ConfigError
from speechsearch.types import ms_to_samples
from speechsearch.vad.endpointer import (
    Endpointer,
    EndpointerOptions,
    Pause,
    Resume,
    SpeechEnd,
    SpeechStart,
)

FRAME = 320  # 20 ms
OPTIONS = EndpointerOptions(
    min_speech_ms=60, pause_ms=100, hangover_ms=300, max_utterance_ms=2000, pre_roll_ms=100,
    rejoin_ms=200,
)  # fmt: skip


def run(pattern, options=OPTIONS):
    """Events of a string: ``#`` a frame of speech, ``.`` one of silence."""
    endpointer, events = Endpointer(options), []
    for place, letter in enumerate(pattern):
        probability = 0.9 if letter == "#" else 0.1
        events += endpointer.step(probability, place * FRAME, (place + 1) * FRAME)
    return events, endpointer


def test_speech_then_silence_is_one_utterance():
    events, endpointer = run("." * 10 + "#" * 10 + "." * 20)
    assert events == [
        SpeechStart(10 * FRAME - ms_to_samples(100), 10 * FRAME),
        Pause(20 * FRAME),
        SpeechEnd(20 * FRAME, 35 * FRAME, "silence"),
    ]
    assert not endpointer.in_utterance


def test_a_click_shorter_than_min_speech_starts_nothing():
    assert run("..##....##.....")[0] == []


def test_a_pause_shorter_than_the_hangover_resumes():
    events, _ = run("#" * 10 + "." * 10 + "#" * 5)
    assert [type(event) for event in events] == [SpeechStart, Pause, Resume]
    assert events[2] == Resume(20 * FRAME)


def test_the_pre_roll_stops_at_the_start_of_the_time_line():
    assert run("###")[0] == [SpeechStart(0, 0)]


def test_the_pre_roll_does_not_reach_into_the_utterance_before():
    events, _ = run("#" * 5 + "." * 15 + "#" * 5)
    assert events[2] == SpeechEnd(5 * FRAME, 20 * FRAME, "silence")
    assert events[3] == SpeechStart(20 * FRAME, 20 * FRAME)


def test_speech_soon_after_an_endpoint_comes_with_the_sound_between():
    events, _ = run("#" * 5 + "." * 24 + "#" * 5)
    assert events[3] == SpeechStart(20 * FRAME, 29 * FRAME)


def test_speech_long_after_an_endpoint_comes_with_its_pre_roll_alone():
    events, _ = run("#" * 5 + "." * 26 + "#" * 5)
    assert events[3] == SpeechStart(26 * FRAME, 31 * FRAME)


def test_a_pause_can_be_shortened_while_it_lasts():
    endpointer = run("#" * 10 + "." * 6)[1]
    endpointer.shorten(10 * FRAME, 130)
    assert endpointer.step(0.1, 16 * FRAME, 17 * FRAME) == [
        SpeechEnd(10 * FRAME, 10 * FRAME + ms_to_samples(130), "silence")
    ]


def test_a_hangover_is_never_lengthened_and_another_pause_keeps_its_own():
    endpointer = run("#" * 10 + "." * 6)[1]
    endpointer.shorten(10 * FRAME, 5000)
    endpointer.shorten(9 * FRAME, 0)
    assert endpointer.pass_time(24 * FRAME) == []
    assert endpointer.pass_time(25 * FRAME) == [SpeechEnd(10 * FRAME, 25 * FRAME, "silence")]


def test_time_alone_ends_a_pause_but_never_speech():
    speaking, paused = run("#" * 10)[1], run("#" * 10 + "." * 6)[1]
    assert speaking.pass_time(10**6) == []
    assert [type(event) for event in paused.pass_time(10**6)] == [SpeechEnd]


def test_the_maximum_length_cuts_and_goes_on_without_a_gap():
    events, endpointer = run("#" * 105)
    assert events == [
        SpeechStart(0, 0),
        SpeechEnd(100 * FRAME, 100 * FRAME, "max_length"),
        SpeechStart(100 * FRAME, 100 * FRAME),
    ]
    assert endpointer.in_utterance


def test_the_maximum_length_in_a_pause_ends_at_the_last_speech():
    events, endpointer = run("#" * 90 + "." * 10)
    assert events[-1] == SpeechEnd(90 * FRAME, 100 * FRAME, "max_length")
    assert not endpointer.in_utterance


def test_flush_ends_what_is_open_and_nothing_else():
    _, endpointer = run("#" * 10)
    assert endpointer.flush(10 * FRAME) == [SpeechEnd(10 * FRAME, 10 * FRAME, "flush")]
    assert endpointer.flush(10 * FRAME) == []


def test_between_the_thresholds_speech_goes_on_but_does_not_begin():
    endpointer = Endpointer(OPTIONS)
    assert [endpointer.step(0.4, n * FRAME, (n + 1) * FRAME) for n in range(10)] == [[]] * 10
    for n in range(10, 15):
        endpointer.step(0.9, n * FRAME, (n + 1) * FRAME)
    assert [endpointer.step(0.4, n * FRAME, (n + 1) * FRAME) for n in range(15, 40)] == [[]] * 25


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_probability": 0.2},
        {"stop_probability": 0.0},
        {"pause_ms": 0},
        {"pause_ms": 600},
        {"min_speech_ms": 0},
        {"pre_roll_ms": -1},
        {"rejoin_ms": -1},
        {"post_roll_ms": 200},
        {"max_utterance_ms": 100},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        EndpointerOptions(**wrong)


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.integers(0, 400)), max_size=400))
def test_events_always_come_in_a_legal_order_and_on_a_growing_time_line(frames):
    endpointer, events, probabilities = Endpointer(OPTIONS), [], [p for p, _ in frames]
    for place, (probability, shorter_ms) in enumerate(frames):
        new = endpointer.step(probability, place * FRAME, (place + 1) * FRAME)
        if shorter_ms is not None and new and isinstance(new[-1], Pause):
            endpointer.shorten(new[-1].sample, shorter_ms)
            new += endpointer.pass_time((place + 1) * FRAME)
        events += new
    events += endpointer.flush(len(probabilities) * FRAME)
    legal = {
        None: {SpeechStart},
        SpeechStart: {Pause, SpeechEnd},
        Pause: {Resume, SpeechEnd},
        Resume: {Pause, SpeechEnd},
        SpeechEnd: {SpeechStart},
    }
    last, ended_at, started_at = None, 0, 0
    for event in events:
        assert type(event) in legal[last]
        last = type(event)
        if isinstance(event, SpeechStart):
            assert ended_at <= event.start_sample <= event.onset_sample
            started_at = event.start_sample
        if isinstance(event, SpeechEnd):
            assert started_at < event.end_sample <= event.decided_sample
            length = event.decided_sample - started_at
            assert length <= ms_to_samples(OPTIONS.max_utterance_ms) + FRAME
            ended_at = event.decided_sample
    assert last in (None, SpeechEnd)
