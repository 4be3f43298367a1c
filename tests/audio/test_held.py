import numpy as np

from speechsearch.audio.held import DRAIN_S, LEAD_S, HeldSource
from speechsearch.audio.source import Block, SourceNotice
from speechsearch.types import SAMPLE_RATE_HZ

BLOCK = 320


class Numbers:
    """Blocks of 20 ms that are full of their number."""

    name, overruns = "numbers", 0

    def name_at(self, sample):
        return self.name

    async def blocks(self):
        for number in range(1, 101):
            yield Block(np.full(BLOCK, number, np.float32), number * 0.02)
            if number == 50:
                yield SourceNotice("the device changed", "changed")


class Person:
    """Presses and lets go before the blocks of certain numbers are heard."""

    name, overruns, name_at = Numbers.name, 0, Numbers.name_at

    def __init__(self, **acts):
        self.acts = {int(number[1:]): act for number, act in acts.items()}
        self.now_s = 0.0
        self.source = HeldSource(self, clock=lambda: self.now_s)

    async def blocks(self):
        async for item in Numbers().blocks():
            if isinstance(item, Block):
                self.now_s = item.heard_at_s - 0.01
                act = self.acts.get(int(item.samples[0]))
                if act:
                    getattr(self.source, act)()
            yield item


async def passed(person):
    """The numbers that passed, 0 for put in silence, and the kinds of notices."""
    numbers, notices = [], []
    async for item in person.source.blocks():
        if isinstance(item, SourceNotice):
            notices.append(item.kind)
        else:
            numbers.append(int(item.samples[0]))
    return numbers, notices


DRAINED = round(DRAIN_S * SAMPLE_RATE_HZ / BLOCK)


async def test_nothing_passes_while_nobody_talks_but_notices_do():
    assert await passed(Person()) == ([], ["changed"])


async def test_the_last_word_passes_after_the_release_and_then_it_is_over():
    numbers, notices = await passed(Person(_3="press", _20="release"))
    assert numbers == [0, *range(3, 20 + DRAINED)]
    assert notices == ["released", "changed"]


async def test_two_talks_are_parted_by_silence_longer_than_a_pre_roll():
    numbers, notices = await passed(Person(_1="press", _10="release", _60="press"))
    assert numbers == [0, *range(1, 10 + DRAINED), 0, *range(60, 101)]
    assert notices == ["released", "changed"]
    lead = await anext(Person(_1="press").source.blocks())
    assert len(lead.samples) == LEAD_S * SAMPLE_RATE_HZ


async def test_a_talk_taken_up_again_before_its_drain_is_over_goes_on():
    numbers, notices = await passed(Person(_1="press", _20="release", _25="press"))
    assert numbers == [0, *range(1, 101)]
    assert notices == ["changed"]


async def test_what_was_heard_before_the_press_never_passes_even_if_it_arrives_late():
    source = HeldSource(Numbers(), clock=lambda: 1.0)
    source.press()
    heard = [int(item.samples[0]) async for item in source.blocks() if isinstance(item, Block)]
    assert heard == [0, *range(51, 101)]


async def test_a_key_known_late_to_have_been_let_go_ends_the_talk_where_it_was():
    source = HeldSource(Numbers(), clock=lambda: 0.0)
    source.press()
    source.release(at_s=0.5)
    items = [item async for item in source.blocks()]
    heard = [int(item.samples[0]) for item in items if isinstance(item, Block)]
    assert heard == [0, *range(1, 25 + DRAINED + 1)]
    assert next(item.at_s for item in items if isinstance(item, SourceNotice)) == 0.5
