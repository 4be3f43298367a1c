from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.learning.heard import Heard
from speechsearch.learning.measures import Bootstrap, figures
from tests.learning.made import outcome

RATES = ("wer", "cer", "sentence_accuracy", "recall_at_1", "recall_at_5", "mrr_at_10")
FEW = Bootstrap(resamples=200)


def test_every_measure_is_counted_as_it_is_defined():
    found = figures(
        [
            outcome(rank=1, name="a"),
            outcome("the red hose", rank=2, name="b"),
            outcome("", rank=0, typed_rank=2, name="c"),
            outcome("a house", rank=7, name="d", said="a house"),
        ],
        FEW,
    )
    assert (found["n"], found["n_transcripts"], found["n_items"]) == (4, 4, 4)
    assert found["wer"] == pytest.approx(4 / 11, abs=1e-4)
    assert found["cer"] == pytest.approx(14 / 46, abs=1e-4)
    assert found["sentence_accuracy"] == 0.5
    assert found["recall_at_1"] == 0.25
    assert found["recall_at_5"] == 0.5
    assert found["mrr_at_10"] == pytest.approx((1 + 1 / 2 + 0 + 1 / 7) / 4, abs=1e-4)
    assert found["typed_recall_at_1"] == 0.75
    assert found["lost_by_hearing"] == 0.5


def test_a_row_counts_only_for_what_it_allows():
    found = figures([outcome(said="", rank=None, typed_rank=None), outcome(rank=1)], FEW)
    assert (found["n"], found["n_transcripts"], found["n_items"]) == (2, 1, 1)
    assert found["recall_at_1"] == 1.0
    nothing = figures([outcome(said="", rank=None, typed_rank=None)] * 2, FEW)
    assert all(nothing[rate] is None and nothing[f"{rate}_95"] is None for rate in RATES)
    assert nothing["with_text"] == 1.0


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 12)), min_size=1, max_size=30))
def test_intervals_hold_the_figure_and_need_two_speakers(rows):
    found = figures([outcome(rank=rank, speaker=who, typed_rank=None) for who, rank in rows], FEW)
    assert found["speakers"] == len({who for who, _ in rows})
    for rate in ("recall_at_1", "recall_at_5", "mrr_at_10"):
        interval = found[f"{rate}_95"]
        assert (interval is None) == (found["speakers"] == 1)
        if interval:
            assert 0 <= interval[0] <= interval[1] <= 1


def test_many_recordings_of_few_speakers_are_less_certain_than_of_many():
    def width(speakers):
        random = np.random.default_rng(0)
        heard = random.random(speakers) < 0.5
        rows = [
            outcome(rank=int(heard[n % speakers]), speaker=f"s{n % speakers}") for n in range(400)
        ]
        low, high = figures(rows, Bootstrap())["recall_at_1_95"]
        return high - low

    assert width(8) > 3 * width(400)


def test_a_seed_gives_the_same_intervals():
    rows = [outcome(rank=n % 3, name=str(n)) for n in range(20)]
    first, again, other = (figures(rows, Bootstrap(200, seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_each_stage_has_its_percentiles_and_silence_has_none():
    assert figures([outcome()], FEW)["latency_ms"]["endpoint_to_results"]["p95"] == 30.0
    silent = replace(outcome(), heard=Heard())
    assert figures([silent], FEW)["latency_ms"] == {}
