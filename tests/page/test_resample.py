import numpy as np
import pytest
import soxr

from tests.page.node import module

RATES_HZ = (8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
EDGE = 400
"""Samples at the ends that hang on what lies beyond them"""


def resampled(samples, from_hz, sizes=(4096,)):
    with module("resample.js", "Resampler", from_hz) as resampler:
        pieces, start = [], 0
        for size in [*sizes, len(samples)]:
            piece = samples[start : start + size].astype(np.float32)
            pieces += resampler.call("push", piece)
            start += size
        return np.array(pieces, np.float32)


def noise_below(top_hz, rate_hz, seconds=1.0):
    """White up to ``top_hz``, nothing above."""
    length = round(rate_hz * seconds)
    spectrum = np.fft.rfft(np.random.default_rng(5).normal(0, 0.1, length))
    spectrum[np.fft.rfftfreq(length, 1 / rate_hz) > top_hz] = 0
    return np.fft.irfft(spectrum, length)


def db(power, reference):
    return 10 * np.log10(power / reference)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_speech_consists_of_comes_out_as_from_soxr(rate_hz):
    sound = noise_below(0.9 * min(rate_hz, 16_000) / 2, rate_hz)
    ours = resampled(sound, rate_hz)
    theirs = soxr.resample(sound, rate_hz, 16_000, quality="VHQ")
    ours, theirs = ours[EDGE:-EDGE], theirs[EDGE : EDGE + len(ours[EDGE:-EDGE])]
    assert len(ours) > 15_000 - 2 * EDGE
    assert db(np.square(ours - theirs).mean(), np.square(theirs).mean()) < -75


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("tone_hz", [8_050, 9_000, 10_500])
def test_what_lies_above_the_band_does_not_fold_back(rate_hz, tone_hz):
    tone = np.sin(2 * np.pi * tone_hz * np.arange(rate_hz // 2) / rate_hz)
    left = resampled(tone, rate_hz)[EDGE:-EDGE]
    assert db(np.square(left).mean(), 0.5) < -80


def test_pieces_of_any_length_give_the_same_samples_as_the_whole():
    sound = noise_below(7000, 44_100, 0.5)
    sizes = np.random.default_rng(3).integers(1, 500, 60).tolist()
    np.testing.assert_array_equal(resampled(sound, 44_100, sizes), resampled(sound, 44_100))


def test_a_device_at_16_khz_is_heard_unchanged_in_its_band():
    sound = noise_below(7000, 16_000, 0.5)
    ours = resampled(sound, 16_000)
    assert np.abs(ours - sound[: len(ours)])[EDGE:].max() < 1e-4


def test_samples_become_integers_as_the_codec_makes_them():
    with module("resample.js") as functions:
        made = functions.call("toPcm", np.array([0, 0.5, -0.5, 1.5, -1.5, 1e-5], np.float32))
    assert made == [0, 16_384, -16_384, 32_767, -32_768, 0]


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000])
def test_it_says_how_far_its_newest_sample_lies_behind_what_it_has_heard(rate_hz):
    with module("resample.js", "Resampler", rate_hz) as resampler:
        made = sum(
            len(resampler.call("push", np.zeros(size, np.float32))) for size in (700, 128, 256)
        )
        assert resampler.get("behind") == pytest.approx(1084 - (made - 1) * rate_hz / 16_000)
