from contextlib import contextmanager

import pytest

from tests.page.node import module

HIT = {"id": "emma", "title": "Emma", "score": 1, "why": "sound", "url": "", "fields": {}}
FINAL = {
    "type": "final", "utterance": 2, "text": "emma", "hits": [HIT], "answer_confidence": 0.9,
    "end_sample": 16_000, "timings_ms": {"wait": 3, "decode": 20, "search": 4},
}  # fmt: skip
PARTIAL = {"type": "partial", "utterance": 2, "stable": "jane", "text": "jane austin", "hits": []}
ENDPOINT = {
    "type": "endpoint", "utterance": 2, "end_sample": 16_000, "decided_sample": 19_584,
    "waited_ms": 64,
}  # fmt: skip


@contextmanager
def screen():
    with module("screen.js", "Screen") as subject:
        subject.set("connection", {"state": "connected"})
        yield subject


def test_text_grows_with_what_may_still_change_apart_and_the_answer_stands():
    with screen() as shown:
        shown.call("update", PARTIAL)
        assert (shown.get("stable"), shown.get("tentative")) == ("jane", " austin")
        shown.call("update", {**PARTIAL, "hits": [HIT]})
        assert shown.get("provisional")
        shown.call("update", FINAL, {"endpoint": 288})
        assert (shown.get("stable"), shown.get("tentative")) == ("emma", "")
        assert (shown.get("hits"), shown.get("provisional")) == ([HIT], False)
        assert shown.get("utterance") == 2
        assert shown.get("timings") == {"endpoint": 288}


def test_in_the_shadow_what_was_heard_is_kept_for_comparison_and_not_shown():
    with screen() as shown:
        shown.set("degree", "shadow")
        shown.call("update", {**PARTIAL, "hits": [HIT]})
        shown.call("update", FINAL, {"endpoint": 288})
        assert (shown.get("text"), shown.get("hits"), shown.get("utterance")) == ("", [], None)
        assert shown.get("unseen") == 2
        shown.call("update", {"type": "results", "hits": [HIT]})
        assert (shown.get("hits"), shown.get("unseen")) == ([HIT], 2)


def test_where_only_people_decide_the_page_says_that_it_does_not_hear():
    with screen() as shown:
        assert shown.get("hears")
        shown.set("degree", "human_only")
        assert not shown.get("hears")
        assert "nothing that is said is heard" in shown.get("status")


REVISED = {"type": "revised", "utterance": 2, "text": "Emma."}


def test_a_revision_changes_the_text_of_its_answer_and_nothing_else():
    with screen() as shown:
        shown.call("update", FINAL, {"endpoint": 288})
        shown.call("update", REVISED)
        assert (shown.get("text"), shown.get("hits")) == ("Emma.", [HIT])
        assert (shown.get("confidence"), shown.get("timings")) == (0.9, {"endpoint": 288})


def test_a_revision_leaves_what_is_shown_instead_by_then():
    with screen() as shown:
        for instead in (PARTIAL, {"type": "results", "hits": [HIT]}):
            shown.call("update", FINAL, {"endpoint": 288})
            shown.call("update", {**instead, "utterance": 3})
            text = shown.get("text")
            shown.call("update", REVISED)
            assert shown.get("text") == text


def test_an_answer_to_a_typed_query_belongs_to_no_utterance_and_has_no_stages():
    with screen() as shown:
        shown.call("update", FINAL, {"endpoint": 288})
        shown.call("update", {"type": "results", "hits": [HIT]})
        assert (shown.get("source"), shown.get("utterance")) == ("typed", None)
        assert shown.get("timings") is None


def test_the_status_says_what_goes_on_and_what_went_wrong():
    with screen() as shown:
        assert "Hold the microphone" in shown.get("status")
        shown.call("update", {"type": "vad", "state": "speech"})
        assert "Hearing" in shown.get("status")
        shown.call("update", ENDPOINT)
        assert "Searching" in shown.get("status")
        shown.call("update", {"type": "nothing", "utterance": 2})
        assert "no speech" in shown.get("status")
        shown.call("update", {"type": "error", "message": "it is full", "hint": "Speak again"})
        assert shown.get("status") == "it is full. Speak again."
        shown.set("connection", {"state": "lost", "reason": "The server is ending"})
        assert "what you say meanwhile is kept" in shown.get("status")


@pytest.mark.parametrize(("t3_ms", "network", "wait"), [(1300, 9, 3), (1289.0, 0, 1)])
def test_the_stages_are_all_of_the_time_from_the_last_speech_to_the_results(t3_ms, network, wait):
    with module("screen.js") as functions:
        stages = functions.call("stagesOf", FINAL, ENDPOINT, 1000, t3_ms)
    assert stages["endpoint"] == 288
    assert (stages["network"], stages["wait"]) == (network, wait)
    assert stages["end_of_speech_to_results"] == t3_ms - 1000
    assert (stages["decode"], stages["hypothesis"]) == (20, 0)
