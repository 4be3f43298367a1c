import pytest

from speechsearch.errors import TableError
from speechsearch.learning.measures import Bootstrap, figures
from speechsearch.learning.slices import sliced, worst
from tests.learning.made import outcome

FEW = Bootstrap(resamples=20)


def rows(n=40, **columns):
    return [
        outcome(name=f"{i}.wav", rank=int(i % 4 > 0), **{k: v(i) for k, v in columns.items()})
        for i in range(n)
    ]


def test_values_are_slices_worst_first_and_none_is_lost():
    found = sliced(rows(gender=lambda i: "m" if i % 4 == 0 else "f"), ["gender"], FEW)
    assert list(found["gender"]) == ["m", "f"]
    assert sum(part["n"] for part in found["gender"].values()) == 40
    assert found["gender"]["m"]["recall_at_1"] == 0.0


def test_numbers_become_spans_and_a_missing_one_its_own_slice():
    ages = ["", "7", "15", "16", "16.5", "70"]
    found = sliced(rows(age=lambda i: ages[i % 6]), ["age"], FEW)
    assert set(found["age"]) == {"(none)", "<12", "12 to <16", "16 to <20", "60 or more"}
    assert found["age"]["16 to <20"]["n"] == 13


def test_other_numbers_are_cut_at_their_quartiles():
    found = sliced(rows(level=lambda i: str(i * 1.5)), ["level"], FEW)
    assert [part["n"] for part in found["level"].values()] == [10] * 4


def test_a_few_numbers_stay_values():
    found = sliced(rows(channel=lambda i: str(i % 3)), ["channel"], FEW)
    assert set(found["channel"]) == {"0", "1", "2"}


def test_unasked_only_columns_that_tell_something_are_sliced():
    found = sliced(
        rows(
            gender=lambda i: "mf"[i % 2], licence=lambda i: "ab"[i % 2], same=lambda _: "x",
            each=lambda i: f"v{i}", t0=str, nan=lambda i: "nan" if i % 2 else "inf",
        ),
        [], FEW,
    )  # fmt: skip
    assert set(found) == {"gender", "nan"}


def test_length_and_words_are_columns_of_every_table():
    found = sliced(
        [*rows(3), outcome(seconds=9.0, said="one two three four five")], ["seconds", "words"], FEW
    )
    assert set(found["seconds"]) == {"2 to <3", "6 to <10"}
    assert set(found["words"]) == {"3 to <4", "4 to <6"}


def test_a_column_that_is_not_there_is_said_with_those_that_are():
    with pytest.raises(TableError, match=r"'tone'.*path, gender, seconds, words, utterances"):
        sliced(rows(gender=lambda _: "m"), ["tone"], FEW)


def test_the_worst_of_all_columns_are_worse_than_the_whole_and_no_mere_handful():
    everything = rows(
        gender=lambda i: "m" if i % 4 == 0 else "f", room=lambda i: "hall" if i == 0 else "other"
    )
    found = sliced(everything, ["gender", "room"], FEW)
    listed = worst(found, figures(everything, FEW))
    assert [(one.column, one.value) for one in listed] == [("gender", "m")]
