from dataclasses import replace

import pytest

from speechsearch.clock import Lap
from speechsearch.monitoring.seen import Acted, Failed, Gone, Reheard, Reported, Turn
from speechsearch.monitoring.trail import Trail
from speechsearch.tracing.spans import ROOT
from speechsearch.wire.messages import Report
from tests.monitoring.test_witness import NOW_S, Seen, heard

TURN = Turn(began_s=NOW_S - 3, ended_s=NOW_S, silence_ms=300, pauses=1, arm="challenger")
LAPS = (
    Lap("queue", NOW_S - 0.2, NOW_S - 0.19),
    Lap("decode", NOW_S - 0.19, NOW_S - 0.15),
    Lap("hypothesis", NOW_S - 0.15, NOW_S - 0.14),
    Lap("search", NOW_S - 0.14, NOW_S - 0.12),
    Lap("hypothesis", NOW_S - 0.12, NOW_S - 0.11),
)


class Kept:
    def __init__(self):
        self.spans = []

    def emit(self, span):
        self.spans.append(span)

    def close(self):
        pass


def traced():
    kept, seen = Kept(), Seen()
    seen.witness._trail = Trail(kept)
    return seen, kept


def spoken(number=1, **more):
    return replace(heard(number, **more), turn=TURN, laps=LAPS)


def by_name(spans):
    return {one.name: one for one in spans}


def test_the_stages_of_an_answer_are_spans_at_their_real_times():
    seen, kept = traced()
    seen.take(spoken())
    found = by_name(kept.spans)
    assert set(found) == {
        "capture", "endpoint", "wait", "queue", "decode", "hypothesis", "search"
    }  # fmt: skip
    assert {one.parent for one in kept.spans} == {ROOT}
    silent_s = pytest.approx(NOW_S - 0.3)
    assert found["capture"].ended_s == silent_s
    assert (found["capture"].began_s, found["endpoint"].ended_s) == (NOW_S - 3, NOW_S)
    assert found["wait"].ended_s == pytest.approx(NOW_S + 0.012)
    decode = found["decode"]
    assert (decode.began_s, decode.ended_s) == (LAPS[1].began_s, LAPS[1].ended_s)
    twice = [one for one in kept.spans if one.name == "hypothesis"]
    assert [(one.ordinal, one.began_s) for one in twice] == [
        (0, LAPS[2].began_s), (1, LAPS[4].began_s)
    ]  # fmt: skip


def test_the_whole_ends_with_the_click_and_says_what_the_client_saw_but_no_word():
    seen, kept = traced()
    report = Report(utterance=1, endpoint_ms=300.0, network_ms=2.0, all_ms=340.0)
    seen.take(spoken(), Reported("s", report), Acted("s", 1, "click", "agent"))
    click, whole = kept.spans[-2:]
    assert (click.name, click.attributes["speechsearch.rank"]) == ("click", 2)
    assert click.ended_s == whole.ended_s == NOW_S + 2
    assert (whole.path, whole.began_s) == (ROOT, NOW_S - 3)
    about = whole.attributes
    assert about["speechsearch.arm"] == "challenger"
    assert about["speechsearch.all_ms"] == 340
    assert about["speechsearch.became"] == "clicked"
    told = str(kept.spans).lower()
    assert not any(word in told for word in ("garden", "agent"))


def test_an_utterance_that_is_taken_in_ends_there_and_the_next_links_to_it():
    seen, kept = traced()
    seen.take(spoken(1), spoken(2, continues=1), Gone("s"))
    wholes = [one for one in kept.spans if one.path == ROOT]
    assert [(one.utterance, one.continues) for one in wholes] == [(1, None), (2, 1)]
    became = [one.attributes["speechsearch.became"] for one in wholes]
    assert became == ["continued", "abandoned"]


def test_a_second_ear_and_a_failure_are_spans_too():
    seen, kept = traced()
    seen.take(Reheard("s", 1, "revised", Lap("second pass", NOW_S, NOW_S + 0.4)))
    seen.take(Failed("deadline", "s", 2, TURN), Failed("malformed"))
    found = by_name(kept.spans)
    assert found["second pass"].attributes["speechsearch.outcome"] == "revised"
    assert (found[ROOT].utterance, found[ROOT].error) == (2, "deadline")


def test_a_server_that_ends_closes_what_is_open_and_too_much_is_not_kept(monkeypatch):
    monkeypatch.setattr("speechsearch.monitoring.trail.MOST_OPEN", 1)
    seen, kept = traced()
    seen.take(spoken(1, session="a"), spoken(1, session="b"))
    assert [one.session for one in kept.spans if one.path == ROOT] == ["a"]
    seen.witness.close()
    assert [one.session for one in kept.spans if one.path == ROOT] == ["a", "b"]
