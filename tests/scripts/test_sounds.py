import numpy as np
import pytest
from sounds import LOUD_DBFS, SECONDS, all_sounds

from speechsearch.types import SAMPLE_RATE_HZ

SOUNDS = all_sounds()


def rms_dbfs(samples):
    on = samples[np.abs(samples) > 1e-3 * np.abs(samples).max()]
    return 20 * np.log10(np.sqrt(np.mean(np.square(on, dtype=float))))


def test_there_are_over_a_hundred_and_each_has_a_name_of_its_own():
    assert len(SOUNDS) > 100
    assert len({(made.kind, made.name) for made in SOUNDS}) == len(SOUNDS)
    assert {made.kind for made in SOUNDS} == {"silence", "tones", "music"}


@pytest.mark.parametrize("made", SOUNDS, ids=lambda made: made.name)
def test_every_sound_lasts_some_seconds_and_fits_into_16_bits(made):
    assert made.samples.dtype == np.float32
    assert 0.5 * SECONDS <= len(made.samples) / SAMPLE_RATE_HZ <= 1.5 * SECONDS
    assert np.isfinite(made.samples).all()
    assert np.abs(made.samples).max() <= 1


def test_only_digital_zero_is_nothing_at_all():
    assert [made.name for made in SOUNDS if not made.samples.any()] == ["digital zero"]


@pytest.mark.parametrize("made", [m for m in SOUNDS if "dBFS" in m.name], ids=lambda m: m.name)
def test_a_sound_is_as_loud_as_its_name_says(made):
    wanted = float(made.name.split()[-2])
    assert rms_dbfs(made.samples) == pytest.approx(wanted, abs=0.5 if wanted < LOUD_DBFS else 3)


def test_the_same_seed_makes_the_same_sounds():
    again = all_sounds()
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(SOUNDS, again, strict=True))
    assert not all(
        np.array_equal(a.samples, b.samples) for a, b in zip(SOUNDS, all_sounds(1), strict=True)
    )
