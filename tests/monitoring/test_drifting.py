import pytest

from speechsearch.errors import ConfigError
from speechsearch.monitoring.drifting import Drift, DriftOptions
from tests.monitoring.made import Population

FEW = DriftOptions(freeze=120, sessions=6, every=10, permutations=100)


def test_a_reference_is_frozen_with_the_model_and_found_again(tmp_path):
    drift = Drift(tmp_path, "m@1", FEW)
    for one in Population(0).say(150):
        drift.update(one)
    state = drift.state()
    assert (state["frozen"], state["utterances"], state["window"]) == (True, 120, 100)
    level = next(one for one in state["features"] if one["name"] == "level_dbfs")
    assert level["low"] < level["reference"] < level["high"]
    assert 0 <= level["ks"] <= 1
    assert Drift(tmp_path, "m@1", FEW).state()["frozen"]
    assert not Drift(tmp_path, "m@2", FEW).state()["frozen"]


def test_one_person_is_no_reference():
    drift = Drift(None, "m@1", FEW)
    one = next(iter(Population(0).say(1)))
    for _ in range(1000):
        drift.update(one)
    state = drift.state()
    assert not state["frozen"]
    assert state["collected"] <= 4 * FEW.freeze


def test_a_reference_that_cannot_be_used_is_put_aside(tmp_path, caplog):
    (tmp_path / "reference-m@1.npz").write_bytes(b"damaged")
    assert not Drift(tmp_path, "m@1", FEW).state()["frozen"]
    assert (tmp_path / "reference-m@1.old").exists()
    assert "collected" in caplog.text


def test_too_small_a_reference_is_refused():
    with pytest.raises(ConfigError):
        DriftOptions(freeze=10)
