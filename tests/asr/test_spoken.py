import pytest

from speechsearch.asr.spoken import readings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Mr. Brown's café, isn't it?", "mister brown's cafe isn't it"),
        ("“Rock & Roll”", "rock and roll"),
        ("the 3rd", "the third"),
        ("1,200 miles", "one thousand two hundred miles"),
        ("50% of $5", "fifty percent of five dollars"),
        ("...", ""),
    ],
)
def test_a_text_is_spoken(text, said):
    assert " ".join(spoken for _, spoken in readings(text)[0]) == said


def test_a_number_is_read_in_more_ways_than_one():
    ways = [" ".join(spoken for _, spoken in way) for way in readings("In 1905:")]
    assert ways == [
        "in one thousand nine hundred five",
        "in nineteen oh five",
        "in one nine zero five",
    ]


def test_written_words_stay_as_they_are():
    assert [written for written, _ in readings("Hello, – World!")[0]] == ["Hello,", "World!"]
