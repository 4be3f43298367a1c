from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.pipeline import Revision
from speechsearch.server.revising import Revising
from speechsearch.types import Hit, Hypothesis, Result

FIRST = Result(3, (Hypothesis("a gost", 0.5),), (Hit("1", "A Guest", 0.4, "sound"),), {}, "m@1")
BETTER = replace(
    FIRST,
    hypotheses=(Hypothesis("A ghost.", 0.4),),
    ear="tiny.en",
)
BELIEVED, NOT_BELIEVED = Revision(BETTER, "fits"), Revision(None, "misfit")

EVENTS = st.lists(st.sampled_from(["answer", "heard", "not_heard", "discard", "late"]), max_size=12)


def follow(events):
    """What was answered, and the messages that followed, with what had happened before each."""
    revising, answers, said, before = Revising(), [], [], []
    for event in events:
        message = None
        match event:
            case "answer":
                answers.append((revising.answer(FIRST), revising.promised))
            case "heard":
                message = revising.heard(BELIEVED)
            case "not_heard":
                message = revising.heard(NOT_BELIEVED)
            case "discard" | "late":
                message = revising.discard(event)
        if message:
            said.append((message, tuple(before)))
        before.append(event)
    return revising, answers, said


@given(EVENTS)
def test_at_most_one_revision_follows_and_only_an_answer_that_promised_it(events):
    revising, answers, said = follow(events)
    assert len(said) <= 1
    promised = bool(answers) and answers[0][1]
    assert bool(said) <= promised
    if promised:
        assert bool(said) != revising.promised


@given(EVENTS)
def test_nothing_of_the_second_ear_is_shown_once_speech_went_on(events):
    _, answers, said = follow(events)
    cut = min((events.index(e) for e in ("discard", "late") if e in events), default=len(events))
    for message, before in said:
        if message.ear == "tiny.en":
            assert len(before) < cut
    if "answer" in events[cut:] and "answer" not in events[:cut]:
        assert answers[0] == (FIRST, False)


def test_words_that_are_there_in_time_are_the_answer():
    _, answers, said = follow(["heard", "answer"])
    assert answers == [(BETTER, False)]
    assert said == []


def test_words_that_come_later_revise_it():
    revising, answers, said = follow(["answer", "heard"])
    assert answers == [(FIRST, True)]
    assert said[0][0].text == "A ghost."
    assert revising.outcome == "revised"


def test_what_the_sound_does_not_say_leaves_the_answer_as_it_is():
    revising, _, said = follow(["answer", "not_heard"])
    assert (said[0][0].text, said[0][0].ear) == ("a gost", "ctc")
    assert revising.outcome == "misfit"
