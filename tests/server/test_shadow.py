"""What nobody waits for is in nobody's way."""

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
from speechsearch.server.shadow import LEFT_TO_IT_S, Shadow

SOUND = np.zeros(1600, np.float32)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.mark.parametrize("priority", [Priority.ANSWER, Priority.PAUSE])
def test_who_waits_for_an_answer_stops_it_at_once(priority):
    clock = Clock()
    shadow = Shadow(clock)
    shadow.make_way(priority)
    clock.now_s += 0.25
    assert shadow.in_the_way_s == 0.25
    with pytest.raises(Interrupted), shadow.working():
        interrupt_in_force().check()


@pytest.mark.parametrize("priority", [Priority.RECORDING, Priority.SHADOW])
def test_work_for_nobody_who_speaks_lets_it_go_on(priority):
    clock = Clock()
    shadow = Shadow(clock)
    clock.now_s += 10
    shadow.make_way(priority)
    assert shadow.in_the_way_s == 0
    with shadow.working():
        interrupt_in_force().check()


def test_a_partial_lets_it_go_on_until_it_is_known_to_be_slow():
    clock = Clock()
    shadow = Shadow(clock)
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
