from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.gate import Gate, GateOptions
from speechsearch.types import Hypothesis, Word


def heard(text: str, confidence: float) -> Hypothesis:
    words = tuple(Word(word, 0.0, 0.1, confidence) for word in text.split())
    return Hypothesis(text, confidence, words)


def test_no_letters_are_no_speech():
    verdict = Gate().judge(heard("", 0.0))
    assert (verdict.is_speech, verdict.searchable) == (False, False)
    assert verdict.reason == "no letters were heard"


@pytest.mark.parametrize(
    ("text", "confidence", "is_speech", "searchable"),
    [
        ("go", 0.98, True, True),
        ("five four", 0.94, True, True),
        ("i san gew", 0.61, True, False),
        ("it", 0.82, True, False),
        ("hs o", 0.6, False, False),
        ("b", 0.84, False, False),
        ("weooe o a atin o thet to i o", 0.45, False, False),
    ],
)
def test_the_fewer_letters_the_surer_they_must_be(text, confidence, is_speech, searchable):
    verdict = Gate().judge(heard(text, confidence))
    assert (verdict.is_speech, verdict.searchable) == (is_speech, searchable)
    assert f"{confidence:.2f}" in verdict.reason


@given(st.text("ab ", max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_more_confidence_never_makes_it_less_speech(text, one, other):
    low, high = (Gate().judge(heard(text, c)) for c in sorted((one, other)))
    assert low.is_speech <= high.is_speech
    assert low.searchable <= high.searchable
    assert high.searchable <= high.is_speech


def test_the_thresholds_are_options():
    strict = Gate(GateOptions(speech_floor=1.0))
    assert not strict.judge(heard("five four", 0.99)).is_speech
