from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.stable import StablePrefix, Transcript

words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6)


def test_what_two_hypotheses_in_a_row_agree_on_is_stable():
    prefix = StablePrefix()
    assert prefix.update(["moby"]) == Transcript((), ("moby",))
    assert prefix.update(["moby", "di"]) == Transcript(("moby",), ("di",))
    assert prefix.update(["moby", "dick"]) == Transcript(("moby",), ("dick",))
    assert prefix.update(["moby", "dick"]) == Transcript(("moby", "dick"), ())


def test_agreement_counts_from_the_first_word_on_only():
    prefix = StablePrefix()
    prefix.update(["a", "b"])
    assert prefix.update(["c", "b"]).stable == ()


def test_a_hypothesis_that_shrinks_takes_nothing_back():
    prefix = StablePrefix()
    prefix.update(["a", "b"])
    prefix.update(["a", "b"])
    assert prefix.update([]) == Transcript(("a", "b"), ())


@given(st.lists(words, max_size=12))
def test_a_stable_word_is_never_taken_back(hypotheses):
    prefix, before = StablePrefix(), ()
    for hypothesis in hypotheses:
        transcript = prefix.update(hypothesis)
        assert transcript.stable[: len(before)] == before
        assert transcript.text.split() == [*transcript.stable, *transcript.tentative]
        before = transcript.stable


@given(words, st.integers(2, 4))
def test_a_hypothesis_that_stays_becomes_stable_whole(hypothesis, times):
    prefix = StablePrefix()
    for _ in range(times):
        transcript = prefix.update(hypothesis)
    assert transcript.stable == tuple(hypothesis)
