"""A conversation whose utterances two versions answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from speechsearch.config import ServerOptions
from speechsearch.errors import DeadlineExceeded
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Answered
from speechsearch.server.answers import Answers
from speechsearch.server.conversation import Conversation
from speechsearch.turns import TurnOptions
from speechsearch.types import Hypothesis, Result, Utterance
from speechsearch.wire import messages as m
from speechsearch.wire.events import Paused, UtteranceEnded


class Version:
    """A pipeline that answers with its name, or fails."""

    def __init__(self, name, error=None):
        self.name, self.error = name, error
        self.options = SimpleNamespace(turns=TurnOptions())
        self.model = self

    def log_probs_of(self, sounds):
        return [self.name for _ in sounds]

    def sound_of(self, spoken):
        return spoken.utterance.samples

    def conclude(self, spoken, log_probs, watch):
        assert log_probs == self.name, "heard by one version, concluded by another"
        if self.error:
            raise self.error
        result = Result(spoken.utterance.number, (Hypothesis(self.name, 1.0),), (), {}, self.name)
        return Answered(spoken.utterance, result)


class Seat:
    def __init__(self, *versions):
        self.versions, self.begun, self.failures = list(versions), [], []

    def begin(self, number):
        self.begun.append(number)
        return self.versions[0]

    def failed(self, pipeline, error):
        self.failures.append((pipeline.name, error))


CHAMPION = Version("champion")
QUIET = m.Hello(protocol=m.PROTOCOL, partials=False)


@pytest.fixture
async def answers():
    running = Answers(CHAMPION, Metrics("model"), ServerOptions())
    yield running
    running.close()


async def nothing(message):
    """Nobody listens."""


def conversation(answers, seat):
    return Conversation(answers, Metrics("model"), nothing, hello=QUIET, seat=seat)


def spoken(number=1):
    return Utterance(number, np.zeros(1600, np.float32), 10_000 * number)


def end(number=1):
    return UtteranceEnded(spoken(number), 10_000 * number + 1600, "silence")


async def test_an_utterance_ends_with_the_version_that_it_began_with(answers):
    seat = Seat(Version("challenger"))
    talk = conversation(answers, seat)
    talk.pause(Paused(spoken(), 1))
    seat.versions = [CHAMPION]
    answers.pipeline = Version("somebody else")
    assert (await talk.end(end())).result.model == "challenger"
    assert (await talk.end(end(2))).result.model == "champion"
    assert seat.begun == [1, 2]


async def test_without_a_seat_whoever_answers_by_default_does_from_the_next_utterance_on(answers):
    talk = conversation(answers, None)
    assert (await talk.end(end())).result.model == "champion"
    answers.pipeline = Version("new")
    assert (await talk.end(end(2))).result.model == "new"


async def test_where_the_challenger_fails_the_champion_answers_and_it_is_told(answers):
    error = ZeroDivisionError("it broke")
    seat = Seat(Version("challenger", error))
    talk = conversation(answers, seat)
    talk.pause(Paused(spoken(), 11_600))
    assert (await talk.end(end())).result.model == "champion"
    assert seat.failures == [("challenger", error)]


async def test_a_champion_that_fails_fails(answers):
    answers.pipeline = Version("champion", ZeroDivisionError("it broke"))
    with pytest.raises(ZeroDivisionError):
        await conversation(answers, Seat(answers.pipeline)).end(end())


async def test_a_server_that_is_too_busy_is_not_the_challengers_fault(answers):
    seat = Seat(Version("challenger", DeadlineExceeded("too late")))
    with pytest.raises(DeadlineExceeded):
        await conversation(answers, seat).end(end())
    assert seat.failures == []
