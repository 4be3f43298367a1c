import numpy as np
import pytest

from speechsearch.asr.mel import BANDS, log_mel


def tone(hz, length=16_000):
    return np.sin(2 * np.pi * hz * np.arange(length) / 16_000).astype(np.float32)


def test_a_tone_is_in_the_band_of_its_frequency():
    loudest = [int(log_mel(tone(hz)).mean(axis=1).argmax()) for hz in (100, 200, 500, 1000, 4000)]
    assert loudest == sorted(set(loudest))
    mel_1000 = 15 / 45.245640471924965 * (BANDS + 1)
    assert loudest[3] == pytest.approx(mel_1000 - 1, abs=1)


def test_the_picture_has_a_column_each_10_ms_and_does_not_depend_on_loudness_beyond_a_shift():
    sound = tone(440, 8_000)
    picture, softer = log_mel(sound), log_mel(sound / 10)
    assert picture.shape == (BANDS, 50)
    assert picture.dtype == np.float32
    assert np.ptp(picture) <= 2.0
    np.testing.assert_allclose(picture - softer, 0.5, atol=1e-3)


def test_it_is_the_picture_that_faster_whisper_makes():
    theirs = pytest.importorskip("faster_whisper.feature_extractor").FeatureExtractor()
    sound = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)
    np.testing.assert_allclose(log_mel(sound), theirs(sound, padding=0), atol=1e-5)
