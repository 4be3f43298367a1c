"""Who answers an utterance, and what the judge is told of it."""

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from speechsearch.errors import SpeechsearchError
from speechsearch.pipeline import Answered, Heard
from speechsearch.rollout.router import EVERYBODY_AS_BEFORE, PARTS, Arm, Router, Shares
from speechsearch.server.mirror import Mirrored
from speechsearch.server.seats import PAUSE_LEAVES_MS, Seat, Step
from speechsearch.types import Hit, Hypothesis, Result, Utterance
from speechsearch.wire import messages as m
from speechsearch.wire.events import Paused, UtteranceEnded

SOUND = Utterance(1, [], 0)
STEP = Step("r", 1.0, judged=True)


def version(name):
    options = SimpleNamespace(turns=SimpleNamespace(complete_ms=224))
    settings = SimpleNamespace(vad=SimpleNamespace(pause_ms=96))
    return SimpleNamespace(
        pipeline=SimpleNamespace(name=name, options=options), settings=settings, segmenter=name
    )


def result(text="the secret garden", ids=("a", "b")):
    hits = tuple(Hit(one, f"title {one}", 0.5, "sound") for one in ids)
    readings = (Hypothesis(text, 0.9),) if text else ()
    return Result(1, readings, hits, {"decode": 20.0, "queue": 5.0}, "model")


def mirrored(*said):
    return Mirrored(result(*said), 20.0)


@dataclass
class House:
    """Rollouts that only remember what they are told."""

    live: object = field(default_factory=lambda: version("champion"))
    other: object = field(default_factory=lambda: version("challenger"))
    step: Step = STEP
    shares: Shares = EVERYBODY_AS_BEFORE
    shadow: object = Mirrored()
    counted: list = field(default_factory=list)
    compared: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    arms: list = field(default_factory=list)

    def __post_init__(self):
        self.router = Router(b"key", "r", self.shares)
        self.mirror = self

    async def hear(self, pipeline, spoken):
        assert pipeline is self.other.pipeline
        if isinstance(self.shadow, list):
            return self.shadow.pop(0)
        if isinstance(self.shadow, Exception):
            raise self.shadow
        return self.shadow

    def joined(self, seat, arm, *, first):
        self.arms.append((arm, first))

    def heard(self, compared):
        self.compared.append(compared)

    def failed(self, pipeline, error):
        self.failures.append((pipeline.name, error))

    def count(self, step, arm, ours, theirs):
        self.counted.append((step, arm, ours, theirs))


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def seated(**house):
    made = House(**house)
    return Seat(made, "session", Clock()), made


def ended(number=1, end_sample=1000):
    return UtteranceEnded(Utterance(number, [], 0), end_sample, "silence")


def answer(seat, number=1, answered=None):
    seat.answered(ended(number), answered or Answered(SOUND, result()))


ALL, SHADOWED = Shares(challenger=PARTS), Shares(shadow=PARTS)


def test_where_nothing_is_judged_the_champion_answers_and_nothing_is_kept():
    seat, house = seated(step=Step("", 0.0, judged=False), shares=ALL)
    assert seat.begin(1).name == "champion"
    answer(seat)
    seat.over()
    assert (house.counted, house.arms) == ([], [])


def test_the_challenger_answers_its_share_and_is_counted_once_the_session_is_over():
    seat, house = seated(shares=ALL)
    assert seat.begin(1).name == "challenger"
    answer(seat)
    assert seat.begin(2).name == "challenger"
    answer(seat, 2, Answered(SOUND, result("", ())))
    assert house.counted == []
    seat.over()
    ((step, arm, ours, theirs),) = house.counted
    assert (step, arm, theirs) == (STEP, Arm.CHALLENGER, {})
    assert ours == {"confidence": 0.45, "empty": 0.5, "zero_results": 0.5, "overrun": 0.0}
    assert house.arms == [(Arm.CHALLENGER, True)]


def test_a_session_counts_once_in_a_step_and_again_in_the_next():
    seat, house = seated(shares=ALL)
    for step, number in ((STEP, 1), (STEP, 2), (Step("r", 2.0, judged=True), 3)):
        house.step = step
        seat.begin(number)
        answer(seat, number)
        seat.over()
    assert [one[0].since_s for one in house.counted] == [1.0, 2.0]
    assert house.arms == [(Arm.CHALLENGER, True)], "it met the challenger once"


async def test_of_the_beginning_of_what_was_said_no_word_counts_against_the_whole_title():
    seat, house = seated(shares=SHADOWED, shadow=[mirrored("title"), mirrored("title b")])
    seat.begin(1)
    answer(seat, answered=Answered(SOUND, result("title")))
    seat.told(m.Feedback(utterance=1, action="click", hit="a"))
    seat.begin(2)
    answer(seat, 2, Answered(SOUND, replace(result("title a"), utterance=2, continues=1)))
    seat.told(m.Feedback(utterance=2, action="click", hit="a"))
    await asyncio.gather(*seat._shadows)
    seat.over()
    ((_, _, ours, theirs),) = house.counted
    assert (ours["word_errors"], theirs["word_errors"]) == (0.0, 0.5), "of the second alone"
    assert ours["confidence"] == theirs["confidence"] == 0.9, "all else is known of both"


def test_an_utterance_of_the_step_before_does_not_count_in_this_one():
    seat, house = seated(shares=ALL)
    seat.begin(1)
    house.step = Step("r", 2.0, judged=True)
    answer(seat)
    seat.begin(2)
    seat.over()
    assert house.counted == [], "the second has no answer yet"


def test_who_lets_an_utterance_begin_decides_for_all_of_it():
    seat, house = seated(shares=ALL)
    seat.begin(1)
    house.router.shares = Shares()
    assert seat.arm is Arm.CHALLENGER
    assert seat.begin(2).name == "champion"


def test_an_answer_is_late_from_the_acoustic_end_of_speech_on():
    for after_s, late in ((0.4, 0.0), (0.41, 1.0)):
        seat, house = seated(shares=ALL)
        seat.begin(1)
        seat.paused(Paused(SOUND, 1000))
        seat.clock.now_s += after_s
        answer(seat)
        seat.over()
        assert house.counted[0][2]["slow"] == late


def test_work_that_a_pause_has_no_room_for_is_told_however_long_it_waited():
    seat, house = seated(shares=ALL)
    for number, decode_ms, queue_ms in ((1, 191.0, 0.0), (2, 10.0, 900.0)):
        seat.begin(number)
        timings_ms = {"decode": decode_ms, "queue": queue_ms}
        answer(seat, number, Answered(SOUND, replace(result(), timings_ms=timings_ms)))
    seat.over()
    assert house.counted[0][2]["overrun"] == 0.5


def test_what_the_person_takes_says_whether_the_first_hit_was_right_and_what_was_said():
    seat, house = seated(shares=ALL)
    for number, hit in ((1, "a"), (2, "b")):
        seat.begin(number)
        answer(seat, number, Answered(SOUND, result("title a")))
        seat.told(m.Feedback(utterance=number, action="click", hit=hit))
    seat.over()
    assert house.counted[0][2]["top_1_wrong"] == 0.5
    assert house.counted[0][2]["word_errors"] == 0.25


@pytest.mark.parametrize("action", ["redo", "typed"])
def test_who_says_it_again_or_types_did_not_get_what_was_asked_for(action):
    seat, house = seated(shares=ALL)
    seat.begin(1)
    answer(seat)
    seat.told(m.Feedback(utterance=1, action=action))
    seat.over()
    assert house.counted[0][2]["top_1_wrong"] == 1.0


async def test_in_the_shadow_the_champion_answers_and_both_are_compared():
    seat, house = seated(shares=SHADOWED, shadow=mirrored("the secret agent", ("b", "c")))
    assert seat.begin(1).name == "champion"
    answer(seat)
    seat.told(m.Feedback(utterance=1, action="click", hit="b"))
    seat.over()
    await asyncio.sleep(0.01)
    ((_, arm, ours, theirs),) = house.counted
    assert arm is Arm.SHADOW
    assert (ours["top_1_wrong"], theirs["top_1_wrong"]) == (1.0, 0.0)
    (compared,) = house.compared
    assert compared.means["hits_shared"] == 0.5
    assert compared.means["top_1_changed"] == 1.0
    assert compared.means["words_differing"] == pytest.approx(1 / 3)
    assert compared.means["champion_ms"] == 20.0


async def test_what_the_shadow_had_no_time_for_counts_for_neither():
    seat, house = seated(shares=SHADOWED, shadow=Mirrored(None, PAUSE_LEAVES_MS - 1))
    seat.begin(1)
    answer(seat)
    seat.over()
    await asyncio.sleep(0.01)
    assert (house.counted, house.compared) == ([], [])


async def test_of_a_shadow_that_was_stopped_late_it_counts_that_it_was_not_done_in_time():
    stopped = Mirrored(None, PAUSE_LEAVES_MS + 1)
    seat, house = seated(shares=SHADOWED, shadow=[stopped, mirrored("", ())])
    for number in (1, 2):
        seat.begin(number)
        answer(seat, number)
    seat.over()
    await asyncio.sleep(0.01)
    ((_, _, ours, theirs),) = house.counted
    assert (ours["overrun"], theirs["overrun"]) == (0.0, 0.5)
    assert theirs["empty"] == 1.0, "of what was heard only"
    assert len(house.compared) == 1


async def test_in_the_shadow_both_are_measured_by_the_same_utterances():
    seat, house = seated(shares=SHADOWED, shadow=[Mirrored(), mirrored("", ())])
    for number, text in ((1, ""), (2, "title a")):
        seat.begin(number)
        answer(seat, number, Answered(SOUND, result(text)))
    seat.over()
    await asyncio.sleep(0.01)
    ((_, _, ours, theirs),) = house.counted
    assert (ours["empty"], theirs["empty"]) == (0.0, 1.0)


async def test_a_shadow_that_fails_is_told_and_counts_as_no_utterance():
    error = SpeechsearchError("it broke")
    seat, house = seated(shares=SHADOWED, shadow=error)
    seat.begin(1)
    answer(seat)
    seat.over()
    await asyncio.sleep(0.01)
    assert house.failures == [("challenger", error)]
    assert house.counted == []


def test_an_answer_says_which_arm_gave_it_whatever_became_of_the_shares_since():
    seat, house = seated(shares=ALL)
    challenger, champion = seat.begin(1), house.live.pipeline
    house.router.shares = Shares()
    seat.begin(2)

    def by(pipeline, number):
        return Answered(SOUND, replace(result(), utterance=number), Heard(pipeline, [], []))

    assert seat.arm_of(by(champion, 2)) is Arm.CHAMPION
    assert seat.arm_of(by(challenger, 1)) is Arm.CHALLENGER


def test_an_answer_of_the_champion_instead_of_a_challenger_that_failed_is_the_champions():
    seat, house = seated(shares=ALL)
    seat.begin(1)
    instead = Answered(SOUND, result(), Heard(house.live.pipeline, [], []))
    assert seat.arm_of(instead) is Arm.CHAMPION


def test_in_the_shadow_the_champion_answers_and_says_so():
    seat, _ = seated(shares=SHADOWED)
    answered = Answered(SOUND, result(), Heard(seat.begin(1), [], []))
    assert seat.arm_of(answered) is Arm.CHAMPION


def test_an_utterance_without_an_answer_counts_for_nothing():
    seat, house = seated(shares=ALL)
    seat.begin(1)
    seat.answered(ended(), None)
    seat.over()
    assert house.counted == []
