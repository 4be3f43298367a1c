import json

from speechsearch.learning.evaluate import Evaluation, mistakes, outcome_of, report_of
from speechsearch.learning.heard import Expected, Heard
from speechsearch.learning.measures import Bootstrap
from speechsearch.types import Entry, Hit
from tests.learning.made import outcome, recording

BOOKS = Expected([Entry("red", "The Red House"), Entry("blue", "The Blue House")])
RED, BLUE = Hit("red", "The Red House", 0.9, "sound"), Hit("blue", "The Blue House", 0.8, "sound")


def test_a_recording_is_compared_with_what_was_said_and_with_it_typed():
    made = outcome_of(recording(), 2.0, Heard("the blue house", (BLUE, RED)), [RED], BOOKS)
    assert (made.errors.word_errors, made.rank, made.typed_rank) == (1, 2, 1)
    assert made.right == {"red"}


def test_without_transcript_or_typed_hits_nothing_is_said_about_them():
    silent = outcome_of(recording(transcript="", item=""), 2.0, Heard("hm"), None, BOOKS)
    assert (silent.errors, silent.rank, silent.typed_rank) == (None, None, None)
    unheard = outcome_of(recording(item="red"), 2.0, Heard(error="the server is gone"), None, BOOKS)
    assert (unheard.errors.wer, unheard.rank) == (1.0, 0)


def test_the_report_has_figures_of_all_and_of_slices_and_is_json():
    rows = [outcome(name=f"{n}", rank=n % 2, gender="mf"[n % 2]) for n in range(20)]
    report = report_of(Evaluation(rows, {"b.wav": "gone"}, {"index": "x"}), [], Bootstrap(50))
    again = json.loads(json.dumps(report))
    for figures in (again, *again["slices"]["gender"].values()):
        for name in ("wer", "cer", "sentence_accuracy", "recall_at_1", "recall_at_5", "mrr_at_10"):
            assert isinstance(figures[name], float)
    assert list(again["slices"]["gender"]) == ["m", "f"]
    assert again["worst_slices"][0]["value"] == "m"
    assert again["failed"] == {"b.wav": "gone"}
    assert len(again["recordings"]) == 20


def test_mistakes_come_worst_first_and_what_is_right_is_none():
    rows = [
        outcome(name="right"),
        outcome("the red hose", name="misheard"),
        outcome("no idea", name="misheard more"),
        outcome("no idea", name="lost", rank=0),
        outcome(name="low", rank=3),
        outcome(name="unknown", rank=None, typed_rank=None),
    ]
    report = report_of(Evaluation(rows, {}, {}), [], Bootstrap(10))
    listed = [one["path"] for one in mistakes(report)]
    assert listed == ["lost", "low", "misheard more", "misheard"]
