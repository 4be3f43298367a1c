import pytest

from speechsearch.asr.gate import Gate
from speechsearch.types import Hypothesis, Word


def hypothesis(text, confidence):
    words = tuple(Word(word, 0.0, 1.0, confidence) for word in text.split())
    return Hypothesis(text, confidence, words)


@pytest.mark.parametrize(
    ("text", "confidence", "is_speech", "searchable"),
    [
        ("", 0.0, False, False),
        ("h", 0.99, False, False),
        ("it", 0.7, False, False),
        ("go", 0.95, True, True),
        ("moby dick", 0.5, False, False),
        ("moby dick", 0.57, True, False),
        ("moby dick", 0.7, True, True),
    ],
)
def test_noise_gives_nothing_and_doubt_gives_text_without_search(
    text, confidence, is_speech, searchable
):
    verdict = Gate().judge(hypothesis(text, confidence))
    assert (verdict.is_speech, verdict.searchable) == (is_speech, searchable)
    assert verdict.reason
