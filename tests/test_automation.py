"""What an answer may do by itself, and what becomes of that."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.automation import AGAIN_S, Automation, Catalogue, end_session
from speechsearch.config import AutomationOptions, load_settings
from speechsearch.errors import IllegalTransition, StateError
from speechsearch.rollout.degrees import Action, Degree, Ladder, Tally
from speechsearch.types import Hit
from speechsearch.wire import messages as m

A, B = (Hit(one, one.upper(), 0.5, "sound") for one in "ab")


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def final(utterance=1, hits=(A, B), sure=0.95, continues=None):
    return m.Final(
        utterance=utterance, text="a", confidence=0.9, words=(), hypotheses=(), hits=hits,
        timings_ms={}, model="m", ear="ctc", end_sample=1, endpoint_reason="silence",
        continues=continues, answer_confidence=sure,
    )  # fmt: skip


def session(degree):
    return Automation(Ladder(degree), open_above=0.9, clock=Clock())


def catalogue(tmp_path, **options):
    return Catalogue("books", tmp_path / "books.json", AutomationOptions(**options))


def test_partial_opens_only_what_is_sure_and_nothing_where_nothing_was_found():
    one = session(Degree.PARTIAL)
    assert one.answered(final(sure=0.95)) is Action.OPEN
    assert one.answered(final(2, sure=0.9)) is Action.OFFER
    assert one.answered(final(3, hits=(), sure=0.95)) is Action.OFFER


def test_what_is_offered_counts_by_what_is_taken_and_not_at_all_where_nothing_is():
    one = session(Degree.ASSISTANCE)
    for utterance, hit in ((1, A), (2, B), (3, None)):
        assert one.answered(final(utterance)) is Action.OFFER
        if hit:
            one.chose(hit.id)
    one.close()
    assert one.tally == Tally(answers=2, accepted=1)


def test_typing_instead_is_a_no():
    one = session(Degree.ASSISTANCE)
    one.answered(final())
    one.typed()
    one.chose(A.id)
    assert one.tally == Tally(answers=1, accepted=0)


def test_in_the_shadow_what_is_typed_and_picked_is_the_decision_and_the_answer_is_compared():
    for hit, accepted in ((A, 1), (B, 0)):
        one = session(Degree.SHADOW)
        assert not one.shows
        assert one.answered(final()) is Action.COMPARE
        one.typed()
        one.chose(hit.id)
        assert one.tally == Tally(answers=1, accepted=accepted)


def test_what_was_opened_and_stays_was_right_and_what_is_left_for_another_was_not():
    for left, tally in ((False, Tally(1, 1, 1, 0)), (True, Tally(1, 0, 1, 1))):
        one = session(Degree.FULL)
        assert one.answered(final()) is Action.OPEN
        if left:
            one.chose(B.id)
        one.close()
        assert one.tally == tally


def test_who_speaks_again_at_once_did_not_want_what_was_opened():
    for after_s, wrong in ((AGAIN_S - 1, 1), (AGAIN_S + 1, 0)):
        one = session(Degree.FULL)
        one.answered(final())
        one.clock.now_s += after_s
        one.answered(final(2))
        assert one.tally.wrong_opens == wrong


def test_an_answer_that_takes_in_the_one_before_replaces_it():
    one = session(Degree.ASSISTANCE)
    one.answered(final())
    one.answered(final(2, continues=1))
    one.chose(A.id)
    assert one.tally == Tally(1, 1)
    one = session(Degree.FULL)
    assert one.answered(final()) is Action.OPEN
    assert one.answered(final(2, continues=1)) is Action.OFFER, "it is open already"
    assert one.answered(final(3, hits=(B,), continues=2)) is Action.OPEN


def test_human_only_hears_nothing():
    assert not session(Degree.HUMAN_ONLY).hears


@given(st.lists(st.sampled_from(["answer", "take", "other", "type"])), st.sampled_from(Degree))
def test_no_answer_counts_twice(events, degree):
    one = session(degree)
    answers = 0
    for event in events:
        match event:
            case "answer":
                answers += 1
                one.answered(final(answers))
            case "take" | "other":
                one.chose("a" if event == "take" else "b")
            case "type":
                one.typed()
    one.close()
    assert one.tally.accepted <= one.tally.answers <= answers
    assert one.tally.wrong_opens <= one.tally.opened <= one.tally.answers


def spent(degree, hit, answers=3):
    one = session(degree)
    for utterance in range(1, answers + 1):
        one.answered(final(utterance))
        one.clock.now_s += 100
        one.chose(hit.id)
    return one


def live(place, hit, sessions=80):
    """Sessions until something is said."""
    for _ in range(sessions):
        ladder = place.load().ladder
        one = spent(ladder.degree, hit)
        one.ladder = ladder
        if said := end_session(place, one):
            return said
    return ""


def test_more_is_proposed_where_it_is_earned_and_only_a_person_takes_it_on(tmp_path):
    place = catalogue(tmp_path)
    assert "answers have earned partial" in live(place, A)
    assert place.load().ladder.degree is Degree.ASSISTANCE
    assert place.step_up("me").ladder.degree is Degree.PARTIAL
    assert place.load().ladder.degree is Degree.PARTIAL
    with pytest.raises(IllegalTransition):
        place.step_up("me")


def test_less_is_done_by_itself_where_it_is_not_wanted(tmp_path):
    place = catalogue(tmp_path, degree="partial")
    assert "from now on assistance instead of partial" in live(place, B)
    kept = place.load()
    assert kept.ladder.degree is Degree.ASSISTANCE
    assert kept.by_degree["partial"].wrong_open == 1.0


def test_a_person_who_changes_the_setting_is_obeyed(tmp_path):
    live(catalogue(tmp_path), A, 3)
    assert catalogue(tmp_path, degree="shadow").load().ladder == Ladder(Degree.SHADOW)
    ceiling = catalogue(tmp_path, ceiling="assistance")
    assert live(ceiling, A) == "", "no more is proposed than was allowed"


def test_a_damaged_file_is_said(tmp_path):
    place = catalogue(tmp_path)
    place.path.write_text("{")
    with pytest.raises(StateError, match="cannot be read"):
        place.load()


def test_each_catalogue_has_its_own_file(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    paths = {
        Catalogue.of(load_settings(search={"index": index})).path
        for index in ("", "films", "other/films")
    }
    assert len(paths) == 3
    assert all(path.is_relative_to(tmp_path) for path in map(Path, paths))
