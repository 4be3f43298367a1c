import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from speechsearch.asr.batcher import Batcher, BatcherOptions, Job, Priority
from speechsearch.errors import Overloaded

ANSWER, PAUSE, PARTIAL, RECORDING, SHADOW = Priority


def job(priority, owner="a", length=100, work=None):
    return Job(work, owner, priority, length)


def offered(batcher, *jobs, now_s=0.0):
    return [dropped for one in jobs for dropped in batcher.offer(one, now_s)]


def taken(batcher, now_s=0.0):
    batches = []
    while batch := batcher.take(now_s)[0]:
        batches.append(batch)
    return batches


def test_answers_go_before_pauses_those_before_partials_and_those_before_recordings():
    batcher = Batcher()
    recording, partial, pause, answer = job(RECORDING), job(PARTIAL), job(PAUSE), job(ANSWER)
    assert offered(batcher, recording, partial, pause, answer) == []
    assert taken(batcher) == [[answer], [pause], [partial]]
    assert taken(batcher, 1.0) == [[recording]]


def test_no_recording_is_begun_while_somebody_speaks_unless_it_has_waited_long():
    batcher = Batcher(BatcherOptions(spared_s=0.4, recording_wait_s=2.0))
    recording = job(RECORDING)
    offered(batcher, job(PARTIAL), now_s=10.0)
    offered(batcher, recording, now_s=10.1)
    assert taken(batcher, 10.1) != []
    assert batcher.take(10.39) == ([], [])
    assert batcher.held_s(10.1) == pytest.approx(0.3)
    for tenth in range(103, 121, 2):
        offered(batcher, job(PARTIAL), now_s=tenth / 10)
        assert recording not in batcher.take(tenth / 10)[0]
    assert batcher.take(12.11) == ([recording], [])
    assert batcher.held_s(12.2) == math.inf


def test_a_shadow_is_begun_only_where_nothing_else_waits_and_nobody_spoke_just_now():
    batcher = Batcher(BatcherOptions(spared_s=0.4, shadow_spared_s=0.1, shadow_age_s=10))
    shadow, recording = job(SHADOW), job(RECORDING)
    offered(batcher, job(PARTIAL), shadow, recording, now_s=10.0)
    assert taken(batcher, 10.0)[0][0].priority is PARTIAL
    assert batcher.take(10.2) == ([], []), "the recording, which is held, goes first"
    assert taken(batcher, 10.4) == [[recording], [shadow]]
    offered(batcher, job(PARTIAL), shadow, now_s=20.0)
    batcher.take(20.0)
    assert batcher.held_s(20.04) == pytest.approx(0.06)
    assert batcher.take(20.09) == ([], [])
    assert batcher.take(20.11) == ([shadow], [])


def test_under_load_shadows_are_dropped_and_nothing_else_is():
    batcher = Batcher(BatcherOptions(max_shadows=2, shadow_spared_s=0.1, shadow_age_s=10))
    shadows = [job(SHADOW, n) for n in range(3)]
    assert offered(batcher, *shadows) == shadows[:1]
    for second in range(11):
        offered(batcher, job(ANSWER), now_s=float(second))
        assert batcher.take(float(second))[0][0].priority is ANSWER
    assert batcher.take(11.0) == ([], shadows[1:])


def test_where_nobody_spoke_a_recording_is_begun_at_once():
    batcher, recording = Batcher(), job(RECORDING)
    offered(batcher, recording)
    assert batcher.take(0.0) == ([recording], [])


def test_within_a_priority_who_came_first_goes_first():
    batcher, jobs = Batcher(), [job(ANSWER, n) for n in range(5)]
    offered(batcher, *jobs)
    assert taken(batcher) == [[one] for one in jobs]


def test_the_newest_partial_of_an_owner_replaces_the_one_before_and_no_other():
    batcher = Batcher()
    old, other, new = job(PARTIAL, "a"), job(PARTIAL, "b"), job(PARTIAL, "a")
    assert offered(batcher, old, other, new) == [old]
    assert taken(batcher) == [[other], [new]]


def test_a_stale_partial_is_handed_back_unheard():
    batcher = Batcher(BatcherOptions(partial_age_s=0.3))
    old, fresh = job(PARTIAL, "a"), job(PARTIAL, "b")
    batcher.offer(old, 0.0)
    batcher.offer(fresh, 0.2)
    assert batcher.take(0.4) == ([fresh], [old])


def test_an_answer_never_becomes_stale():
    batcher, answer = Batcher(), job(ANSWER)
    batcher.offer(answer, 0.0)
    assert batcher.take(1e6) == ([answer], [])


def test_a_pause_that_was_the_end_goes_with_the_answers():
    batcher, first, second = Batcher(), job(PAUSE, "a"), job(PAUSE, "b")
    offered(batcher, first, second)
    batcher.promote(second)
    assert second.priority is ANSWER
    assert taken(batcher) == [[second], [first]]


def test_a_job_already_taken_is_neither_promoted_nor_withdrawn():
    batcher, pause = Batcher(), job(PAUSE)
    offered(batcher, pause)
    batcher.take(0.0)
    batcher.promote(pause)
    assert not batcher.withdraw(pause)
    assert taken(batcher) == []


@pytest.mark.parametrize("priority", [ANSWER, RECORDING])
def test_too_many_answers_are_refused_with_what_to_do(priority):
    batcher = Batcher(BatcherOptions(max_answers=1, max_recordings=1))
    offered(batcher, job(priority))
    with pytest.raises(Overloaded) as caught:
        offered(batcher, job(priority))
    assert caught.value.hint
    assert len(batcher) == 1


def test_too_many_pauses_push_the_oldest_out():
    batcher = Batcher(BatcherOptions(max_pauses=2))
    jobs = [job(PAUSE, n) for n in range(3)]
    assert offered(batcher, *jobs) == [jobs[0]]


def test_equally_long_sounds_of_one_priority_share_a_batch():
    batcher = Batcher(BatcherOptions(max_batch=2))
    a, b, c, longer = (job(ANSWER, n, 100 + 50 * (n == 3)) for n in range(4))
    pause = job(PAUSE, 4, 100)
    offered(batcher, a, longer, b, c, pause)
    assert taken(batcher) == [[a, b], [longer], [c], [pause]]


class Queue(RuleBasedStateMachine):
    """Whatever happens, each job comes out exactly once: taken, dropped, stale or withdrawn."""

    def __init__(self):
        super().__init__()
        self.batcher = Batcher(
            BatcherOptions(
                max_answers=3, max_pauses=2, max_partials=2, max_recordings=2, max_batch=2
            )
        )
        self.now_s, self.waiting = 0.0, []

    @rule(priority=st.sampled_from(Priority), owner=st.integers(0, 3), length=st.integers(1, 2))
    def offer(self, priority, owner, length):
        new = job(priority, owner, length)
        try:
            dropped = self.batcher.offer(new, self.now_s)
        except Overloaded:
            assert priority in (ANSWER, RECORDING)
            return
        assert all(one.priority is priority for one in dropped)
        self.waiting.append(new)
        for one in dropped:
            self.waiting.remove(one)

    @rule(seconds=st.floats(0, 0.4))
    def take(self, seconds):
        self.now_s += seconds
        batch, stale = self.batcher.take(self.now_s)
        for one in (*batch, *stale):
            self.waiting.remove(one)
        if batch:
            assert batch[0].priority == min(one.priority for one in (*self.waiting, *batch))
            assert len({(one.priority, one.length) for one in batch}) == 1

    @rule(data=st.data())
    def promote_or_withdraw(self, data):
        if self.waiting:
            one = data.draw(st.sampled_from(self.waiting))
            if data.draw(st.booleans()):
                self.batcher.promote(one)
                assert one.priority is ANSWER
            else:
                assert self.batcher.withdraw(one)
                self.waiting.remove(one)

    @invariant()
    def nothing_is_lost(self):
        assert len(self.batcher) == len(self.waiting)


TestQueue = Queue.TestCase
