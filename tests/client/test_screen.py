import io

import pytest
from rich.console import Console

from speechsearch.audio.source import SourceNotice
from speechsearch.client.connection import ConnectionState, GivenUp
from speechsearch.client.screen import Opened, Screen, Typed
from speechsearch.client.view import render
from speechsearch.client.voice import Answer, Level, Revision
from speechsearch.types import Hit
from speechsearch.vad import endpointer as vad
from speechsearch.wire import messages as m

HITS = (
    Hit("moby-dick", "Moby Dick", 0.97, "sound", fields={"author": "Melville", "year": 1851}),
    Hit("emma", "Emma", 0.2, "text"),
)


def final(hits=HITS):
    return m.Final(
        utterance=1, text="moby dick", confidence=0.9, words=(), hypotheses=(), hits=hits,
        timings_ms={"decode": 30.0, "search": 5.0}, model="m", ear="ctc", end_sample=1,
        endpoint_reason="silence",
    )  # fmt: skip


def answered():
    screen = Screen("microphone")
    screen.update(Answer(final(), 1, 1, t0_s=1.0, t1_s=1.5, t3_s=1.56))
    return screen


def drawn(screen):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render(screen))
    return console.export_text()


def test_an_answer_shows_its_text_its_hits_and_what_ate_the_budget():
    text = drawn(answered())
    assert "moby dick" in text
    assert "Melville, 1851" in text
    assert "560 ms" in text
    assert "of 500 ms" in text


def test_speech_and_the_wait_for_its_answer_are_visible():
    screen = Screen("microphone")
    for event, shown in (
        (vad.SpeechStart(0, 0), "speech"),
        (vad.SpeechEnd(1, 2, "silence"), "searching"),
        (Answer(final(), 1, 1, 0, 0, 0), "listening"),
    ):
        screen.update(event)
        assert shown in drawn(screen)


def test_the_level_meter_follows_the_sound():
    screen = Screen("microphone")
    screen.update(Level(-20.0, 0.9))
    assert "-20 dBFS" in drawn(screen)


def test_space_mutes_and_the_mute_is_always_visible():
    screen = answered()
    assert screen.press(" ") == "mute"
    assert "MUTED" in drawn(screen)
    assert screen.press(" ") == "mute"
    assert "MUTED" not in drawn(screen)


def test_slash_types_a_query_and_enter_sends_it():
    screen = Screen("microphone")
    assert not any(screen.press(key) for key in "/mobx\x7fy dick")
    assert "/moby dick" in drawn(screen)
    assert screen.press("\r") == Typed("moby dick")
    assert screen.typing is None


def test_while_typing_the_other_keys_are_letters():
    screen = Screen("microphone")
    for key in "/q 1":
        assert screen.press(key) is None
    assert screen.press("\n") == Typed("q 1")


def test_escape_leaves_the_query_and_an_empty_one_is_not_sent():
    screen = Screen("microphone")
    screen.press("/")
    assert screen.press("\x1b") is None
    assert screen.typing is None
    screen.press("/")
    assert screen.press("\r") is None


@pytest.mark.parametrize(("key", "place"), [("\r", 0), ("1", 0), ("2", 1)])
def test_enter_or_a_number_opens_a_hit(key, place):
    assert answered().press(key) == Opened(HITS[place], 1)


def test_a_number_without_a_hit_does_nothing():
    assert answered().press("3") is None
    assert Screen("microphone").press("\r") is None


def test_escape_cancels_and_q_quits():
    screen = Screen("microphone")
    screen.update(vad.SpeechStart(0, 0))
    assert screen.press("\x1b") == "cancel"
    assert not screen.speaking
    assert screen.press("q") == "quit"


def test_results_of_a_typed_query_belong_to_no_utterance():
    screen = answered()
    screen.update(m.Results(id=1, query="emma", hits=HITS[1:]))
    assert screen.press("1") == Opened(HITS[1], None)
    assert "emma" in drawn(screen)


def test_what_the_person_should_know_is_shown():
    screen = Screen("microphone")
    screen.update(ConnectionState("lost", "the connection broke", 0.5))
    screen.update(GivenUp(3))
    screen.update(SourceNotice("the microphone is gone"))
    text = drawn(screen)
    assert "trying again in 0.5 s" in text
    assert "given up" in text
    assert "the microphone is gone" in text
    screen.update(ConnectionState("connected", "w2v2@1"))
    assert "connected, w2v2@1" in drawn(screen)


def test_an_error_of_the_server_says_what_to_do():
    screen = Screen("microphone")
    screen.update(vad.SpeechEnd(1, 2, "silence"))
    error = m.Error(code="overloaded", message="too many wait", hint="Speak again", utterance=1)
    screen.update(error)
    screen.update(Answer(error, 1, 1, 0, 0, 0))
    assert not screen.waiting
    assert "Speak again" in drawn(screen)


def test_a_revision_changes_the_text_in_its_place():
    screen, answer = answered(), Answer(final(), 1, 1, t0_s=1.0, t1_s=1.5, t3_s=1.56)
    revised = m.Revised(utterance=1, text="Moby-Dick.", confidence=0.9, words=(), ear="tiny.en")
    screen.update(Revision(answer.revised(revised, 2.0)))
    assert (screen.text, screen.hits) == ("Moby-Dick.", HITS)


def test_a_revision_leaves_what_is_shown_instead_by_then():
    screen, answer = answered(), Answer(final(), 1, 1, t0_s=1.0, t1_s=1.5, t3_s=1.56)
    revised = m.Revised(utterance=1, text="Moby-Dick.", confidence=0.9, words=(), ear="tiny.en")
    screen.update(m.Results(id=1, query="typed", hits=()))
    screen.update(Revision(answer.revised(revised, 2.0)))
    assert (screen.text, screen.hits) == ("typed", ())


def test_a_microphone_that_is_gone_is_seen_and_forgotten_once_one_is_heard_again():
    screen = Screen("headset")
    screen.update(SourceNotice("it gives only 8000 Hz", "narrow"))
    screen.update(SourceNotice("the headset is gone; waiting for it", "lost"))
    assert "NO SOUND" in drawn(screen)
    screen.update(SourceNotice("listening to the desk now", "changed"))
    screen.update(Level(-40, 0.0))
    text = drawn(screen)
    assert "listening to the desk now" in text
    assert "NO SOUND" not in text
    assert "8000" not in text
    assert "waiting" not in text


def test_with_hold_to_talk_space_talks_and_the_state_says_whether_one_is_heard():
    screen = Screen("microphone", hold=True)
    assert screen.press(" ") == "talk"
    assert not screen.muted
    assert "held" in drawn(screen)
    assert "hold space" in drawn(screen)
    screen.talking = True
    assert "TALK" in drawn(screen)
    screen.press("/")
    screen.press(" ")
    assert screen.typing == " "
