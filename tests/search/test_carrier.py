import pytest

from speechsearch.search.carrier import carrier_length


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
