"""Model, greedy decoding and gate together: what is not speech gives no text."""

from __future__ import annotations

import numpy as np
import pytest

from speechsearch.asr.ctc import greedy
from speechsearch.asr.gate import Gate

T_S = np.arange(32_000) / 16_000


@pytest.mark.parametrize("level", [0.001, 0.1, 0.9])
@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(32_000),
        np.random.default_rng(0).standard_normal(32_000) / 4,
        np.sin(2 * np.pi * 50 * T_S) + np.sin(2 * np.pi * 150 * T_S) / 3,
        np.sin(2 * np.pi * 440 * T_S),
        np.sin(2 * np.pi * 1000 * T_S) * (np.sin(2 * np.pi * 2 * T_S) > 0),
    ],
    ids=["silence", "white noise", "mains hum", "tone", "beeps"],
)
def test_sounds_without_speech_give_no_text(model, sound, level):
    log_probs = model.log_probs((level * sound).astype(np.float32))
    hypothesis = greedy(log_probs, model.info.vocabulary, model.info.timing)
    assert not Gate().judge(hypothesis).is_speech
