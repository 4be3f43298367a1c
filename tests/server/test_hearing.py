import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.audio.player import noise_floor
from speechsearch.errors import AudioFileError
from speechsearch.pipeline import Answered
from speechsearch.server.hearing import Answer, Hearing, Position, _pieces
from speechsearch.types import Hypothesis, Result, Word
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from tests.vad.test_segmenter import OPTIONS, LoudIsSpeech


class Unrevised:
    """Answers stand as they are."""

    async def settle(self, answered):
        return answered.result, None


class Listener:
    """A conversation that allows every pause so long, and hears the same in every utterance."""

    def __init__(self, say, hangover_ms=96.0):
        self.say, self.hangover_ms = say, hangover_ms
        self.heard, self.withdrawn = [], 0
        self.rehearings = Unrevised()

    def pause(self, event):
        self.task = asyncio.ensure_future(self._allow(event))

    async def _allow(self, event):
        for settled, hangover_ms in ((False, 10 * self.hangover_ms), (True, self.hangover_ms)):
            await self.say(
                m.Hangover(
                    utterance=event.utterance.number, sample=event.sample, reason="usual",
                    hangover_ms=hangover_ms, settled=settled,
                )
            )  # fmt: skip

    def resume(self, event):
        self.heard.append(("resume", event.number))

    def withdraw(self):
        self.withdrawn += 1

    def end(self, ended):
        self.heard.append((ended.reason, ended.end_sample, ended.utterance))

        async def answer():
            said = Hypothesis("hey", 0.9, (Word("hey", 0.0, 0.1, 0.9),))
            found = Result(ended.utterance.number, (said,), (), {"decode": 1.0}, "fake@1")
            return Answered(ended.utterance, found)

        return answer()


def bursts(*at_ms, length_ms=320, total_ms=4000):
    """Loud for a while at each instant, in faint noise."""
    sound = np.random.default_rng(0).normal(0, 1e-3, total_ms * 16).astype(np.float32)
    for start in at_ms:
        sound[start * 16 : (start + length_ms) * 16] = 0.9
    return sound


def hearing(blocks, **more):
    made = []

    def converse(say):
        made.append(Listener(say, **more))
        return made[0]

    return Hearing(blocks, Segmenter(LoudIsSpeech(), OPTIONS), converse), made


async def collect(one):
    try:
        return [event async for event in one.answers()]
    finally:
        await one.close()


@given(st.integers(0, 6000), st.lists(st.integers(0, 6000), max_size=5), st.integers(0, 3000))
def test_however_the_sound_comes_it_is_played_in_equal_pieces_with_its_floor_behind(
    length, cuts, tail
):
    sound = np.random.default_rng(0).normal(0, 0.1, length).astype(np.float32)
    pieces = list(_pieces(np.split(sound, sorted(min(cut, length) for cut in cuts)), tail))
    floor = noise_floor(sound, tail) if length else np.zeros(tail, np.float32)
    np.testing.assert_array_equal(np.concatenate([*pieces, sound[:0]]), np.append(sound, floor))
    assert all(len(piece) == 512 for piece in pieces[:-1])


async def test_every_utterance_is_answered_in_order_and_the_position_only_grows():
    one, made = hearing([bursts(200, 1500, 2800)])
    events = await collect(one)
    answers = [event for event in events if isinstance(event, Answer)]
    assert [answer.message.utterance for answer in answers] == [1, 2, 3]
    assert all(answer.message.text == "hey" for answer in answers)
    positions = [event.done_s for event in events if isinstance(event, Position)]
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(4.0 + OPTIONS.tail_ms / 1000)
    assert len(made[0].heard) == 3


@pytest.mark.parametrize(("hangover_ms", "utterances"), [(96.0, 2), (128.0, 1)])
async def test_a_pause_lasts_as_long_as_the_conversation_allows(hangover_ms, utterances):
    one, made = hearing([bursts(480, 896)], hangover_ms=hangover_ms)
    answers = [event for event in await collect(one) if isinstance(event, Answer)]
    assert len(answers) == utterances
    timings = answers[-1].timings_ms
    assert timings["endpoint"] >= hangover_ms
    assert timings["network"] == 0
    assert timings["end_of_speech_to_results"] == pytest.approx(
        timings["endpoint"] + timings["wait"], abs=0.2
    )
    resumed = [heard for heard in made[0].heard if heard[0] == "resume"]
    assert len(resumed) == 2 - utterances


async def test_what_the_decoder_raises_comes_out_after_what_was_answered_before():
    def blocks():
        yield bursts(200)
        raise AudioFileError("it is damaged")

    one, _ = hearing(blocks())
    answered = []
    with pytest.raises(AudioFileError):
        async for event in one.answers():
            answered += [event] if isinstance(event, Answer) else []
    assert len(answered) == 1
    await one.close()


async def test_closing_withdraws_what_is_open_and_waits_for_the_thread():
    began, go_on, over = threading.Event(), threading.Event(), []

    def blocks():
        began.set()
        go_on.wait(10)
        over.append(True)
        yield bursts(200)

    one, made = hearing(blocks())
    task = asyncio.ensure_future(collect(one))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert over
    assert made[0].withdrawn == 1
