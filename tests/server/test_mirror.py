"""What is mirrored has only what is to spare."""

import asyncio
from types import SimpleNamespace

import pytest

from speechsearch.asr.batcher import Priority
from speechsearch.server.mirror import (
    HARMLESS_S,
    MOST_BUSY,
    MOST_HARM,
    MOST_WAITING,
    Mirror,
    Mirrored,
)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


class Answers:
    """A queue that keeps what is handed in."""

    def __init__(self):
        self.watch, self.tickets = None, []

    def submit(self, work, priority, owner):
        assert priority is Priority.SHADOW
        outcome = asyncio.get_running_loop().create_future()
        ticket = SimpleNamespace(outcome=outcome, stopped_after_s=None)
        self.tickets.append(ticket)
        return ticket


PIPELINE = SimpleNamespace(sound_of=lambda spoken: spoken, model=None)


@pytest.fixture
def mirror():
    made = Mirror(Answers(), Clock())
    made.watch(True)
    return made


RESULT = SimpleNamespace(timings_ms={"queue": 900.0, "decode": 40.0})
HEARD = Mirrored(RESULT, 40.0)
NOT_BEGUN = Mirrored()


def worked(mirror, priority, seconds, in_the_way_s=0.0):
    mirror._answers.watch(priority, seconds, in_the_way_s)


async def hear(mirror, outcome=RESULT, stopped_after_s=None):
    task = asyncio.create_task(mirror.hear(PIPELINE, None))
    await asyncio.sleep(0)
    if mirror._answers.tickets:
        ticket = mirror._answers.tickets.pop()
        ticket.stopped_after_s = stopped_after_s
        ticket.outcome.set_result(SimpleNamespace(result=outcome) if outcome else None)
    return await task


async def test_what_is_to_spare_is_used(mirror):
    assert await hear(mirror) == HEARD
    assert (mirror.mirrored, mirror.dropped) == (1, 0)


async def test_nothing_is_mirrored_while_people_need_the_model(mirror):
    worked(mirror, Priority.ANSWER, 10 * MOST_BUSY + 0.1)
    assert await hear(mirror) == NOT_BEGUN
    mirror._clock.now_s += 11
    assert await hear(mirror) == HEARD
    assert (mirror.mirrored, mirror.dropped) == (1, 1)


async def test_what_the_queue_drops_is_counted(mirror):
    assert await hear(mirror, None) == NOT_BEGUN
    assert (mirror.mirrored, mirror.dropped) == (0, 1)


async def test_no_more_than_a_few_wait(mirror):
    waiting = [asyncio.create_task(mirror.hear(PIPELINE, None)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    assert mirror.starved
    for ticket in mirror._answers.tickets:
        ticket.outcome.set_result(None)
    await asyncio.gather(*waiting)
    assert not mirror.starved


async def test_of_what_was_stopped_it_is_told_how_long_it_had_been_worked_on(mirror):
    assert await hear(mirror, None, stopped_after_s=0.25) == Mirrored(None, 250.0)
    assert (mirror.mirrored, mirror.dropped) == (0, 1)


async def test_a_challenger_that_keeps_people_waiting_is_heard_so_seldom_that_it_does_no_harm(
    mirror,
):
    worked(mirror, Priority.SHADOW, 5.0, HARMLESS_S)
    assert not mirror.starved, "long work that is stopped in time harms nobody"
    worked(mirror, Priority.SHADOW, 5.0, HARMLESS_S + 0.2)
    mirror._clock.now_s += 0.2 / MOST_HARM - 0.1
    assert mirror.starved
    mirror._clock.now_s += 0.2
    assert not mirror.starved


def test_where_nothing_is_mirrored_nothing_is_measured(mirror):
    mirror.watch(False)
    assert mirror._answers.watch is None
