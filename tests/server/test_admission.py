import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.server.admission import Admission, AdmissionOptions

OPTIONS = AdmissionOptions(most_load=0.7, window_s=10, always=2)


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def admission(newcomer_load=0.1):
    clock = Clock()
    return Admission(newcomer_load, OPTIONS, clock), clock


def test_load_is_the_busy_share_of_the_newest_window():
    judge, clock = admission()
    for _ in range(20):
        clock.now_s += 1
        judge.worked(0.3)
    assert judge.load == pytest.approx(0.3, abs=0.04)
    clock.now_s += 11
    assert judge.load == 0


def test_a_newcomer_is_refused_while_the_model_is_busy_and_admitted_later():
    judge, clock = admission()
    judge.worked(6.5)
    assert not judge.admits([60] * 5)
    clock.now_s += 11
    assert judge.admits([60] * 5)


def test_a_crowd_at_once_is_bounded_before_any_of_them_has_spoken():
    judge, _ = admission(newcomer_load=0.09)
    admitted = 0
    while judge.admits([0.0] * admitted):
        admitted += 1
    assert admitted == 7


def test_the_first_speakers_are_always_served():
    judge, _ = admission(newcomer_load=5.0)
    judge.worked(100)
    assert judge.admits([])
    assert judge.admits([0.0])
    assert not judge.admits([0.0, 0.0])


@given(st.lists(st.floats(0, 100), max_size=40), st.floats(0, 10), st.floats(0.001, 1))
def test_more_load_or_more_speakers_never_help(ages_s, busy_s, newcomer):
    judge, _ = admission(newcomer)
    idle = judge.admits(ages_s)
    crowded = judge.admits([*ages_s, 0.0])
    judge.worked(busy_s)
    assert idle or not judge.admits(ages_s)
    assert idle or not crowded or len(ages_s) < OPTIONS.always
