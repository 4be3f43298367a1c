from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.asr.normalisation import Normalisation, normalise

statistics = st.builds(Normalisation, st.floats(-1, 1), st.floats(1e-3, 10))


def test_normalised_audio_has_zero_mean_and_unit_variance():
    audio = np.random.default_rng(2).uniform(0, 0.1, 8000).astype(np.float32)
    heard = normalise(audio)
    assert heard.dtype == np.float32
    assert heard.mean() == pytest.approx(0, abs=1e-4)
    assert heard.var() == pytest.approx(1, abs=1e-3)


def test_silence_stays_finite():
    assert np.array_equal(normalise(np.zeros(10, dtype=np.float32)), np.zeros(10))


@given(statistics, st.floats(1.01, 3))
def test_a_change_of_level_drifts_by_its_logarithm_whichever_way(one, factor):
    louder = Normalisation(one.mean, one.scale * factor)
    assert one.drift(louder) == pytest.approx(math.log(factor))
    assert louder.drift(one) == pytest.approx(math.log(factor))


@given(statistics)
def test_nothing_drifts_from_itself(one):
    assert one.drift(one) == 0


def test_a_moved_mean_drifts_in_units_of_the_scale():
    assert Normalisation(0.0, 0.5).drift(Normalisation(0.2, 0.5)) == pytest.approx(0.4)
