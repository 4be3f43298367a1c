from hypothesis import given
from hypothesis import strategies as st

from speechsearch.rollout.comparison import Compared, shared

IDS = st.lists(st.sampled_from("abcdef"), unique=True)


def test_means_are_of_all_utterances_and_there_are_none_without_any():
    both = Compared(1, words_differing=1.0, champion_ms=50) + Compared(3, champion_ms=150)
    assert both.utterances == 4
    assert both.means["words_differing"] == 0.25
    assert both.means["champion_ms"] == 50
    assert Compared().means == {}


@given(IDS, IDS)
def test_the_share_of_hits_is_the_same_both_ways_and_whole_only_for_the_same_hits(one, other):
    assert shared(one, other) == shared(other, one)
    assert 0 <= shared(one, other) <= 1
    assert (shared(one, other) == 1) == (set(one) == set(other))
