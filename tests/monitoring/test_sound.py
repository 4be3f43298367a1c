"""What a sound is like, told from sounds that are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.monitoring.sound import POOLED, sound_features

TIME_S = np.arange(32000) / 16000


def voice(pitch_hz=200.0, level=0.1):
    """A second of a buzzing voice between half seconds of faint noise."""
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * TIME_S) / k for k in range(1, 12))
    on = ((TIME_S > 0.5) & (TIME_S < 1.5)).astype(float)
    hiss = np.random.default_rng(0).standard_normal(len(TIME_S))
    return (level * buzz * on + 0.001 * hiss).astype(np.float32)


def test_twenty_decibels_less_are_twenty_decibels_less_level_and_nothing_else():
    loud, quiet = sound_features(voice()), sound_features(voice() * np.float32(0.1))
    assert quiet.level_dbfs == pytest.approx(loud.level_dbfs - 20, abs=0.1)
    assert quiet.snr_db == pytest.approx(loud.snr_db, abs=0.5)
    assert quiet.centroid_hz == pytest.approx(loud.centroid_hz, rel=0.01)
    assert quiet.pooled == pytest.approx(loud.pooled, abs=0.1)


@pytest.mark.parametrize("pitch_hz", [90.0, 130.0, 220.0, 300.0])
def test_the_pitch_is_that_of_the_voice(pitch_hz):
    assert sound_features(voice(pitch_hz)).pitch_hz == pytest.approx(pitch_hz, rel=0.02)


def test_noise_in_the_pauses_lowers_the_signal_to_noise_ratio():
    noisy = voice() + 0.02 * np.random.default_rng(1).standard_normal(32000).astype(np.float32)
    assert sound_features(noisy).snr_db < sound_features(voice()).snr_db - 15


def test_flat_tops_are_clipping_at_whatever_level():
    clean = voice()
    top = np.quantile(np.abs(clean), 0.9)
    clipped = np.clip(clean, -top, top)
    assert sound_features(clean).clipping_share < 0.005
    assert sound_features(clipped).clipping_share == pytest.approx(0.1, abs=0.03)
    assert sound_features(clipped * np.float32(0.1)).clipping_share == pytest.approx(0.1, abs=0.03)


def test_an_offset_is_seen_and_taken_out_of_the_level():
    offset = sound_features(voice() + np.float32(0.2))
    assert offset.dc_share > 0.7
    assert offset.level_dbfs == pytest.approx(sound_features(voice()).level_dbfs, abs=0.2)


def test_a_telephone_has_a_lower_band_limit():
    hiss = np.random.default_rng(0).standard_normal(32000)
    spectrum = np.fft.rfft(hiss)
    spectrum[np.fft.rfftfreq(32000, 1 / 16000) > 3400] = 0
    narrow = np.fft.irfft(spectrum).astype(np.float32)
    assert sound_features(hiss.astype(np.float32) * np.float32(0.1)).band_limit_hz > 7500
    assert sound_features(narrow * np.float32(0.1)).band_limit_hz < 3700


@given(st.integers(0, 3000), st.floats(0, 1), st.integers(0, 5))
def test_whatever_comes_gives_numbers_or_says_that_there_are_none(length, level, seed):
    samples = np.random.default_rng(seed).uniform(-level, level, length).astype(np.float32)
    found = sound_features(samples)
    assert found.duration_s == length / 16000
    assert len(found.pooled) == POOLED
    assert 0 <= found.clipping_share <= 1
    assert math.isnan(found.level_dbfs) or -100 <= found.level_dbfs <= 0.1
