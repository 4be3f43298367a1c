"""A conversation whose second ear hears parts while the person still speaks."""

import asyncio
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from speechsearch.asr.second_ear import Reheard
from speechsearch.config import ServerOptions
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Answered, Heard, Revision
from speechsearch.server.answers import Answers
from speechsearch.server.conversation import Conversation
from speechsearch.server.revising import Revising
from speechsearch.server.second_pass import SecondPass
from speechsearch.turns import TurnOptions
from speechsearch.types import SAMPLE_RATE_HZ, Hypothesis, Result, Utterance
from speechsearch.wire import messages as m
from speechsearch.wire.events import Paused, Resumed, UtteranceEnded

START = 16_000


class Ear:
    """Says how many seconds it heard, each time that it is let."""

    name = "ear"

    def __init__(self):
        self.lets = threading.Semaphore(1)
        self.heard = []

    def hear(self, samples):
        self.lets.acquire(timeout=20)
        self.heard.append(len(samples) / SAMPLE_RATE_HZ)
        return (Reheard(f"{self.heard[-1]:g}"),)


class Version:
    """A pipeline that hears nothing but "first", and believes all but ``unbelievable``."""

    def __init__(self):
        self.options = SimpleNamespace(turns=TurnOptions())
        self.model = self
        self.unbelievable = ""
        self.may_hear = threading.Event()
        self.may_hear.set()

    def log_probs_of(self, sounds):
        self.may_hear.wait(20)
        return [np.zeros(1) for _ in sounds]

    def sound_of(self, spoken):
        return spoken.utterance.samples

    def conclude(self, spoken, log_probs, watch):
        utterance = spoken.utterance
        result = self.result_of(utterance.number)
        return Answered(utterance, result, Heard(self, utterance.samples, log_probs))

    def result_of(self, number):
        return Result(number, (Hypothesis("first", 1.0),), (), {}, "version")

    def revise(self, answered, log_probs, heard, ear, watch):
        text = "+".join(part.heard[0].text for part in heard)
        if text == self.unbelievable:
            return Revision(None, "misfit")
        hypotheses = (Hypothesis(text, 1.0),)
        return Revision(replace(answered.result, hypotheses=hypotheses, ear=ear), "fits")


@pytest.fixture
def noted(monkeypatch):
    """What was made of readings, as it happens."""
    made = []

    def noting(name):
        method = getattr(Revising, name)

        def note(self, revision):
            said = method(self, revision)
            made.append(name)
            return said

        monkeypatch.setattr(Revising, name, note)

    noting("draft")
    noting("heard")
    return made


@pytest.fixture
def parts():
    """Whether the second ear hears parts."""
    return True


@pytest.fixture
async def talk(noted, parts):
    ear, version = Ear(), Version()
    second = SecondPass(lambda: ear)
    answers = Answers(version, Metrics("model"), ServerOptions(hear_parts=parts), second=second)
    assert await asyncio.to_thread(lambda: second.name) == "ear"
    ear.heard.clear()
    said = []

    async def say(message):
        said.append(message)

    hello = m.Hello(protocol=m.PROTOCOL, partials=False)
    conversation = Conversation(answers, Metrics("model"), say, hello=hello)
    yield SimpleNamespace(it=conversation, ear=ear, said=said, version=version, noted=noted)
    ear.lets.release(100)
    version.may_hear.set()
    answers.close()


def utterance(seconds):
    return Utterance(1, np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32), START)


async def until(true):
    for _ in range(20_000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came true")


async def pause(talk, seconds):
    """Speech of so many seconds, then a pause that is answered."""
    before = len(talk.said)
    sound = utterance(seconds)
    talk.it.pause(Paused(sound, sound.end_sample))
    await until(lambda: any(m.Hangover is type(one) and one.settled for one in talk.said[before:]))


async def heard(talk, count, then=()):
    """Let the ear hear so much more, and wait until it has, and what was made of it."""
    wanted = len(talk.ear.heard) + count
    talk.ear.lets.release(count)
    await until(lambda: len(talk.ear.heard) >= wanted)
    await until(lambda: talk.noted == list(then))


async def answer(talk, seconds):
    """What the utterance is answered with, and what revises it, if that was promised."""
    sound = utterance(seconds)
    ended = UtteranceEnded(sound, sound.end_sample, "silence")
    result, rehearing = await talk.it.rehearings.settle(await talk.it.end(ended))
    return result, rehearing and asyncio.create_task(
        talk.it.rehearings.revised(rehearing, ended, 1e12)
    )


async def answered_as_a_whole(talk, seconds):
    """The ear hears all that it is asked to, and its only text is the first answer."""
    talk.ear.lets.release(100)
    await until(lambda: talk.noted == ["heard"])
    result, revised = await answer(talk, seconds)
    assert (result.text, revised) == (f"{seconds}", None)


async def go_on(talk, seconds):
    await pause(talk, seconds)
    talk.it.resume(Resumed(1, 200.0))


async def test_only_the_rest_is_heard_at_the_end_and_then_the_whole(talk):
    await go_on(talk, 4)
    await heard(talk, 1)
    await pause(talk, 6)
    await heard(talk, 1, then=["draft"])
    result, revised = await answer(talk, 6)
    assert (result.text, result.ear) == ("4+2", "ear")
    await heard(talk, 1, then=["draft", "heard"])
    assert (await revised).text == "6"
    assert talk.ear.heard == [4, 2, 6]


@pytest.mark.parametrize("parts", [False])
async def test_unless_it_is_asked_for_nothing_is_heard_in_parts(talk):
    await go_on(talk, 4)
    await pause(talk, 6)
    await answered_as_a_whole(talk, 6)
    assert 2 not in talk.ear.heard


async def test_an_answer_before_the_rest_is_heard_is_the_first_ears(talk):
    await go_on(talk, 4)
    await pause(talk, 6)
    result, revised = await answer(talk, 6)
    assert (result.text, result.ear) == ("first", "ctc")
    await heard(talk, 3, then=["draft", "heard"])
    assert (await revised).text == "6"


async def test_what_does_not_fit_in_parts_waits_for_the_whole(talk):
    talk.version.unbelievable = "4+2"
    await go_on(talk, 4)
    await pause(talk, 6)
    await heard(talk, 2, then=["draft"])
    result, revised = await answer(talk, 6)
    assert result.text == "first"
    await heard(talk, 1, then=["draft", "heard"])
    assert (await revised).text == "6"


async def test_where_the_whole_is_not_believed_the_parts_stand(talk):
    talk.version.unbelievable = "6"
    await go_on(talk, 4)
    await pause(talk, 6)
    await heard(talk, 2, then=["draft"])
    _, revised = await answer(talk, 6)
    await heard(talk, 1, then=["draft", "heard"])
    assert ((await revised).text, (await revised).ear) == ("4+2", "ear")


async def test_a_short_part_is_not_heard_for_itself_once_speech_goes_on(talk):
    await go_on(talk, 1)
    await pause(talk, 2)
    await answered_as_a_whole(talk, 2)


async def test_a_pause_that_does_not_last_never_has_the_whole_heard(talk):
    await go_on(talk, 4)
    await go_on(talk, 8)
    await go_on(talk, 12)
    await heard(talk, 3)
    assert talk.ear.heard == [4, 4, 4]


async def test_the_second_ear_begins_at_the_pause_beside_the_first(talk):
    talk.version.may_hear.clear()
    sound = utterance(2)
    talk.it.pause(Paused(sound, sound.end_sample))
    await heard(talk, 1)
    assert not any(message.settled for message in talk.said)
    talk.version.may_hear.set()
    await until(lambda: talk.noted == ["heard"])
    result, revised = await answer(talk, 2)
    assert (result.text, result.ear, revised) == ("2", "ear", None)


async def test_an_utterance_that_goes_on_with_none_is_heard_for_itself(talk):
    await pause(talk, 2)
    await heard(talk, 1, then=["heard"])
    await answer(talk, 2)
    first = utterance(2)
    second = replace(utterance(1), number=2, start_sample=first.end_sample)
    talk.it.pause(Paused(second, second.end_sample))
    talk.ear.lets.release(3)
    await until(lambda: talk.noted == ["heard", "heard"])
    ended = UtteranceEnded(second, second.end_sample, "silence")
    result, _ = await talk.it.rehearings.settle(await talk.it.end(ended))
    assert (result.utterance, result.text, result.ear) == (2, "1", "ear")


async def test_speech_that_is_none_is_left_alone(talk):
    talk.version.result_of = lambda number: Result(number, (), (), {}, "version")
    await pause(talk, 2)
    result, revised = await answer(talk, 2)
    assert (result.text, revised, talk.noted) == ("", None, [])
