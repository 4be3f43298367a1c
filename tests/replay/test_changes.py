"""What ``--change`` says, and what it does to the sound."""

import numpy as np
import pytest

from speechsearch.config import load_settings
from speechsearch.errors import ConfigError
from speechsearch.replay.changes import Sounding, parse_changes, vad_label

HISS = (0.05 * np.random.default_rng(0).standard_normal(16000)).astype(np.float32)


def power_db(samples):
    return 10 * np.log10(np.mean(np.square(samples)))


def test_a_gain_is_a_gain():
    (change,) = parse_changes(["gain=-20"]).sound
    assert power_db(change.at(0).apply(HISS, 0)) == pytest.approx(power_db(HISS) - 20, abs=0.01)


def test_noise_comes_at_the_level_asked_for_and_is_the_same_for_a_seed():
    (change,) = parse_changes(["snr=10"]).sound
    noisy = change.at(0).apply(HISS, 1)
    assert power_db(noisy - HISS) == pytest.approx(power_db(HISS) - 10, abs=0.1)
    assert np.array_equal(noisy, change.at(7).apply(HISS, 1))


def test_a_band_takes_out_what_lies_beside_it():
    spectrum = np.abs(np.fft.rfft(Sounding("band", (300.0, 3400.0)).apply(HISS, 0)))
    hz = np.fft.rfftfreq(16000, 1 / 16000)
    assert (
        spectrum[(hz < 240) | (hz > 3460)].max()
        < 0.01 * spectrum[(hz > 400) & (hz < 3300)].min() + 1e-3
    )


def test_a_tenth_of_the_samples_is_cut_off_flat():
    clipped = Sounding("clip", (0.1,)).apply(HISS, 0)
    assert (np.abs(clipped) >= np.abs(clipped).max() * 0.9999).mean() == pytest.approx(
        0.1, abs=0.01
    )


def test_a_ramp_goes_from_one_number_to_the_other_and_stays_there():
    (ramp,) = parse_changes(["snr=30..5/1000"]).sound
    levels = [ramp.at(n).values[0] for n in (0, 500, 1000, 2000)]
    assert levels == [30, 17.5, 5, 5]


def test_the_vad_and_the_catalogue_change_the_settings(tmp_path):
    before = load_settings()
    after = parse_changes(["vad=webrtc:3", f"catalogue={tmp_path}"]).settings(before)
    assert (vad_label(before), vad_label(after)) == ("silero:0.5", "webrtc:3")
    assert after.search.index == str(tmp_path)
    assert vad_label(parse_changes(["vad=silero:0.9"]).settings(before)) == "silero:0.9"


@pytest.mark.parametrize(
    "wrong",
    ["snr=loud", "snr=nan", "gain=900", "band=300", "band=3400-300", "clip=2", "vad=webrtc:4",
     "vad=silero:2", "vad=", "catalogue=", "pitch=3", "", "snr=30..5/0"],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_could(wrong):
    with pytest.raises(ConfigError):
        parse_changes([wrong])
