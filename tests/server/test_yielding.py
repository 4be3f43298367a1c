"""Looks and shadows are in no answer's way."""

import asyncio
import threading

import numpy as np
import pytest

from speechsearch.asr.batcher import Priority
from speechsearch.asr.interrupt import interrupt_in_force
from speechsearch.config import ServerOptions
from speechsearch.errors import Interrupted
from speechsearch.monitoring.metrics import Metrics
from speechsearch.server.answers import Answers, Work
from speechsearch.server.yielding import LEFT_TO_IT_S, Yielding

SOUND = np.zeros(1600, np.float32)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.mark.parametrize("priority", [Priority.ANSWER, Priority.PAUSE])
@pytest.mark.parametrize("work", [Priority.PARTIAL, Priority.SHADOW])
def test_who_waits_for_an_answer_stops_it_at_once(work, priority):
    clock = Clock()
    yielding = Yielding(clock, work)
    yielding.make_way(priority)
    clock.now_s += 0.25
    assert yielding.in_the_way_s == 0.25
    with pytest.raises(Interrupted), yielding.working():
        interrupt_in_force().check()


@pytest.mark.parametrize("priority", [Priority.RECORDING, Priority.SHADOW])
def test_work_for_nobody_who_speaks_lets_a_shadow_go_on(priority):
    assert goes_on(Priority.SHADOW, priority)


@pytest.mark.parametrize("priority", [Priority.PARTIAL, Priority.RECORDING, Priority.SHADOW])
def test_a_look_goes_on_where_only_other_looks_wait_or_nobody(priority):
    assert goes_on(Priority.PARTIAL, priority)


def goes_on(work, priority):
    """Whether what was begun long ago lets work of that priority wait."""
    clock = Clock()
    yielding = Yielding(clock, work)
    clock.now_s += 10
    yielding.make_way(priority)
    with yielding.working():
        return not interrupt_in_force().asked and yielding.in_the_way_s == 0


def test_a_partial_lets_a_shadow_go_on_until_it_is_known_to_be_slow():
    clock = Clock()
    shadow = Yielding(clock, Priority.SHADOW)
    clock.now_s += LEFT_TO_IT_S - 0.01
    shadow.make_way(Priority.PARTIAL)
    assert shadow.in_the_way_s == 0
    clock.now_s += 0.02
    shadow.make_way(Priority.PARTIAL)
    with pytest.raises(Interrupted), shadow.working():
        interrupt_in_force().check()


class Model:
    """Hears what is said to it until it is interrupted."""

    def __init__(self):
        self.begun, self.released = threading.Event(), threading.Event()

    def log_probs_of(self, sounds):
        interrupt = interrupt_in_force()
        if interrupt:
            with interrupt.stopping(self.released.set):
                self.begun.set()
                self.released.wait()
        return [SOUND for _ in sounds]


async def test_an_answer_does_not_wait_for_a_shadow_which_tells_how_long_it_was_worked_on():
    model, told = Model(), asyncio.Queue()
    answers = Answers(None, Metrics("model"), ServerOptions())
    answers.watch = lambda priority, seconds, in_the_way_s: told.put_nowait(
        (priority, in_the_way_s)
    )

    def work(name):
        return Work(SOUND, lambda log_probs, watch: name, model)

    try:
        shadow = answers.submit(work("shadow"), Priority.SHADOW, "mirror")
        await asyncio.to_thread(model.begun.wait)
        answer = answers.submit(work("answer"), Priority.ANSWER, "somebody")
        assert await answer.outcome == "answer"
        assert await shadow.outcome is None
        assert shadow.stopped_after_s > 0
        stopped, answered = await told.get(), await told.get()
        assert [stopped[0], answered[0]] == [Priority.SHADOW, Priority.ANSWER]
        assert told.empty()
        assert stopped[1] > 0
        assert answered[1] == 0, "an answer is in nobody's way"
        assert answers.submit(work("later"), Priority.PAUSE, "somebody").stopped_after_s is None
    finally:
        answers.close()


@pytest.mark.parametrize("stage", ["hearing", "reading"])
async def test_an_answer_does_not_wait_for_a_look_at_what_somebody_still_says(stage):
    model, reading = Model(), Model()

    def read(log_probs, watch):
        return reading.log_probs_of([log_probs]) if stage == "reading" else "look"

    answers = Answers(None, Metrics("model"), ServerOptions())
    try:
        hears = model if stage == "hearing" else Hears()
        look = answers.submit(Work(SOUND, read, hears), Priority.PARTIAL, "somebody")
        await asyncio.to_thread((model if stage == "hearing" else reading).begun.wait)
        work = Work(SOUND, lambda log_probs, watch: "answer", Hears())
        answer = answers.submit(work, Priority.PAUSE, "somebody")
        assert await answer.outcome == "answer"
        assert await look.outcome is None
        assert look.stopped_after_s > 0
    finally:
        answers.close()


class Hears:
    """Hears what is said to it."""

    def log_probs_of(self, sounds):
        return [SOUND for _ in sounds]
