import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from speechsearch.search.carrier import CARRIERS, TOLERANCE, carrier_length


@pytest.mark.parametrize(
    ("heard", "rest"),
    [
        ("find me treasure island", "treasure island"),
        ("i am loking for the odiscy", "the odiscy"),
        ("i'm looking for a book called emma", "emma"),
        ("do you hav dracula", "dracula"),
        ("show me", "show me"),
        ("moby dick", "moby dick"),
        ("finding nemo", "finding nemo"),
        ("", ""),
    ],
)
def test_what_is_wanted_comes_after_the_carrier_phrase(heard, rest):
    assert heard[carrier_length(heard) :] == rest


@given(
    st.sampled_from(CARRIERS),
    st.text("abdefimno '", max_size=4),
    st.integers(0, 12),
    st.text("aeik é", max_size=8),
)
def test_the_carrier_is_the_one_that_fits_best_letter_by_letter(carrier, wrong, place, rest):
    heard = f"{carrier[:place]}{wrong}{carrier[place:]} {rest}"
    fits = [
        (len(carrier) - 2 * errors, end + 1)
        for carrier in CARRIERS
        for end in range(min(len(heard) - 1, len(carrier) + 5))
        if heard[end] == " "
        and (errors := Levenshtein.distance(carrier, heard[:end])) <= TOLERANCE * len(carrier)
    ]
    worths = [worth for worth, _ in fits]
    first_of_best = fits[worths.index(max(worths))][1] if fits and max(worths) > 0 else 0
    assert carrier_length(heard) == first_of_best
