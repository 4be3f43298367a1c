"""Windows against a reference: what fires, and what must not."""

import numpy as np
import pytest

from speechsearch.errors import ConfigError
from speechsearch.monitoring.permutation import PermutationOptions, WindowTest
from speechsearch.monitoring.reference import ReferenceProfile
from tests.monitoring.made import Population

OPTIONS = PermutationOptions(permutations=200, thinnings=2)


def compared(reference, window):
    names = np.unique([one.session for one in window], return_inverse=True)[1]
    test = WindowTest(ReferenceProfile.of(reference), OPTIONS)
    return test.compare(
        np.array([one.values() for one in window]), np.array([one.pooled for one in window]), names
    )


def test_other_speakers_of_the_same_kind_are_seldom_called_drift():
    least = [
        min(one.p for one in compared(Population(seed).say(280), Population(seed, 14, 50).say(100)))
        for seed in range(12)
    ]
    assert sum(p <= 0.05 for p in least) <= 3  # 12 trials at 5 %: four or more by chance in 0.2 %


@pytest.mark.parametrize(
    ("metric", "shift"),
    [
        ("level_dbfs", -20.0),
        ("band_limit_hz", -4000.0),
        ("confidence", -0.2),
        ("clipping_share", 0.1),
    ],
)
def test_what_moved_is_named_first(metric, shift):
    window = Population(1, 14, 50).say(100, shift={metric: shift})
    first = min(compared(Population(1).say(280), window), key=lambda one: one.p)
    assert (first.metric, first.p) == (metric, pytest.approx(1 / 200, abs=0.01))


def test_two_people_alone_cannot_be_called_a_drift():
    window = Population(1, 2, 50).say(100, shift={"level_dbfs": -20.0})
    assert min(one.p for one in compared(Population(1, 5).say(100), window)) > 1 / 22


def test_the_same_window_gives_the_same_answer():
    reference, window = Population(1).say(100), Population(1, 14, 50).say(100)
    assert compared(reference, window) == compared(reference, window)


def test_a_reference_survives_its_file(tmp_path):
    frozen = ReferenceProfile.of(Population(1).say(50))
    frozen.save(tmp_path / "reference.npz")
    loaded = ReferenceProfile.load(tmp_path / "reference.npz")
    assert np.array_equal(loaded.values, frozen.values)
    assert loaded.versions == frozen.versions


def test_a_damaged_reference_says_what_to_do(tmp_path):
    (tmp_path / "reference.npz").write_bytes(b"none")
    with pytest.raises(ConfigError, match="Freeze it anew"):
        ReferenceProfile.load(tmp_path / "reference.npz")


def test_three_people_are_no_reference():
    with pytest.raises(ConfigError, match="3 speakers"):
        ReferenceProfile.of(Population(1, 3).say(50))
