import asyncio
import threading

import numpy as np
import pytest

from speechsearch.asr.second_ear import Reheard
from speechsearch.errors import ConfigError
from speechsearch.server.second_pass import MOST_WAITING, SecondPass

SOUND = np.zeros(160, np.float32)


class Held:
    """An ear that hears nothing until it is let."""

    name = "held"

    def __init__(self):
        self.let = threading.Event()
        self.began = threading.Event()
        self.heard = []

    def hear(self, samples):
        if len(samples) == len(SOUND):
            self.began.set()
            self.let.wait(10)
            self.heard.append(float(samples[0]))
            if samples[0] < 0:
                raise ValueError("broken")
        return (Reheard(f"{samples[0]:.0f}"),)


@pytest.fixture
def held():
    ear = Held()
    second = SecondPass(lambda: ear)
    yield ear, second
    ear.let.set()
    second.close()


async def test_sound_comes_back_as_readings(held):
    ear, second = held
    ear.let.set()
    assert second.name == "held"
    assert await second.submit(SOUND + 7) == (Reheard("7"),)


async def test_the_oldest_is_dropped_where_too_many_wait(held):
    ear, second = held
    busy = second.submit(SOUND)
    await asyncio.to_thread(ear.began.wait, 10)
    waiting = [second.submit(SOUND + n) for n in range(1, MOST_WAITING + 2)]
    assert await waiting[0] is None
    ear.let.set()
    assert await busy == (Reheard("0"),)
    assert [r[0].text for r in await asyncio.gather(*waiting[1:])] == ["2", "3", "4", "5"]


async def test_who_can_wait_comes_after_who_speaks_and_is_never_dropped(held):
    ear, second = held
    busy = second.submit(SOUND)
    await asyncio.to_thread(ear.began.wait, 10)
    numbers = range(1, MOST_WAITING + 2)
    patient = [second.submit(SOUND + n, patient=True) for n in numbers]
    speaking = second.submit(SOUND + 9)
    ear.let.set()
    readings = await asyncio.gather(busy, speaking, *patient)
    assert [int(reading[0].text) for reading in readings] == [0, 9, *numbers]
    assert ear.heard == [0, 9, *numbers]


async def test_who_spoke_on_comes_after_who_may_be_answered_and_before_who_can_wait(held):
    ear, second = held
    busy = second.submit(SOUND)
    await asyncio.to_thread(ear.began.wait, 10)
    patient = second.submit(SOUND + 3, patient=True)
    spoke_on, again, now = (second.submit(SOUND + n) for n in (2, 4, 1))
    second.defer(spoke_on)
    second.defer(again)
    second.hurry(again)
    ear.let.set()
    await asyncio.gather(busy, patient, spoke_on, again, now)
    assert ear.heard == [0, 1, 4, 2, 3]


async def test_the_oldest_of_those_who_spoke_on_is_dropped_where_too_many_did(held):
    ear, second = held
    busy = second.submit(SOUND)
    await asyncio.to_thread(ear.began.wait, 10)
    spoke_on = []
    for n in range(1, MOST_WAITING + 2):
        spoke_on.append(second.submit(SOUND + n))
        second.defer(spoke_on[-1])
    ear.let.set()
    second.defer(busy)
    assert await spoke_on[0] is None
    assert await asyncio.gather(busy, *spoke_on[1:]) == [
        (Reheard(str(n)),) for n in (0, *range(2, MOST_WAITING + 2))
    ]


async def test_what_nobody_wants_any_more_is_not_heard(held):
    ear, second = held
    busy = second.submit(SOUND)
    await asyncio.to_thread(ear.began.wait, 10)
    second.withdraw(second.submit(SOUND + 1))
    last = second.submit(SOUND + 2)
    ear.let.set()
    await asyncio.gather(busy, last)
    assert ear.heard == [0.0, 2.0]


async def test_an_ear_that_fails_on_one_sound_goes_on(held):
    ear, second = held
    ear.let.set()
    assert await second.submit(SOUND - 1) is None
    assert await second.submit(SOUND + 1) == (Reheard("1"),)


def test_what_loading_raises_is_raised_where_the_ear_is_wanted():
    def load():
        raise ConfigError("no such ear")

    second = SecondPass(load)
    with pytest.raises(ConfigError, match="no such ear"):
        _ = second.name
