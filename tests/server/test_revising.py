from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from speechsearch.pipeline import Revision
from speechsearch.server.revising import Revising
from speechsearch.types import Hit, Hypothesis, Result

DRAFTED = "parts"
FIRST = Result(3, (Hypothesis("a gost", 0.5),), (Hit("1", "A Guest", 0.4, "sound"),), {}, "m@1")
BETTER = replace(
    FIRST,
    hypotheses=(Hypothesis("A ghost.", 0.4),),
    ear="tiny.en",
)
DRAFT = replace(FIRST, hypotheses=(Hypothesis("A goat.", 0.4),), ear=DRAFTED)
BELIEVED, NOT_BELIEVED = Revision(BETTER, "fits"), Revision(None, "misfit")

EVENTS = st.lists(
    st.sampled_from(["answer", "draft", "heard", "not_heard", "discard", "late"]), max_size=12
)


def follow(events):
    """What was answered, and the messages that followed, with what had happened before each."""
    revising, answers, said, before = Revising(), [], [], []
    for event in events:
        message = None
        match event:
            case "answer":
                answers.append((revising.answer(FIRST), revising.promised))
            case "draft":
                revising.draft(Revision(DRAFT, "fits"))
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
        if message.ear == DRAFTED and answers[0][0] is not DRAFT:
            assert "draft" in before
            assert "discard" not in before
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


def test_what_was_heard_in_parts_is_the_answer_until_the_whole_is_heard():
    revising, answers, said = follow(["draft", "answer", "heard"])
    assert answers == [(DRAFT, True)]
    assert said[0][0].text == "A ghost."
    assert revising.outcome == "revised"


def test_what_was_heard_in_parts_stands_where_the_whole_is_late_or_not_believed():
    for last in ("late", "not_heard"):
        for events in (["draft", "answer", last], ["answer", "draft", last]):
            _, _, said = follow(events)
            assert said[0][0].text == "A goat."


def test_parts_that_the_sound_does_not_say_change_nothing():
    revising = Revising()
    revising.draft(Revision(None, "misfit"))
    assert revising.answer(FIRST) == FIRST
    assert revising.promised


@given(EVENTS)
def test_the_whole_always_has_the_last_word_where_it_is_believed(events):
    _, answers, said = follow(events)
    if "heard" in events and not {"discard", "late", "not_heard"} & set(events) and answers:
        last = said[-1][0].text if said else answers[0][0].text
        assert last == BETTER.text
