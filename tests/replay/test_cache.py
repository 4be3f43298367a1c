"""Outcomes are heard once."""

import numpy as np
import pytest

from speechsearch.errors import ConfigError
from speechsearch.replay.cache import HANGS_ON, PACKAGE, Outcome, OutcomeCache, code_digest, digest
from tests.monitoring.made import Population

OUTCOME = Outcome(Population(1).say(1)[0], "a title")


def unwanted():
    raise AssertionError("it was there")


def test_an_outcome_is_the_same_after_the_file_was_closed(tmp_path):
    with OutcomeCache(tmp_path / "folder" / "cache.sqlite") as cache:
        cache.get("key", lambda: OUTCOME)
    with OutcomeCache(tmp_path / "folder" / "cache.sqlite") as cache:
        kept = cache.get("key", unwanted)
    assert kept.first_title == "a title"
    assert np.array_equal(kept.observation.values(), OUTCOME.observation.values(), equal_nan=True)


def test_the_oldest_go_where_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("speechsearch.replay.cache.MOST", 2)
    with OutcomeCache(tmp_path / "cache.sqlite") as cache:
        for key in "abc":
            cache.get(key, lambda: OUTCOME)
    with OutcomeCache(tmp_path / "cache.sqlite") as cache:
        assert cache.get("c", unwanted) == cache.get("b", unwanted)
        with pytest.raises(AssertionError, match="it was there"):
            cache.get("a", unwanted)


def test_other_code_hears_anew(monkeypatch, tmp_path):
    before = code_digest()
    assert len(before) == 64
    (tmp_path / "asr").mkdir()
    (tmp_path / "asr" / "beam.py").write_text("other = 1")
    monkeypatch.setattr("speechsearch.replay.cache.PACKAGE", tmp_path)
    monkeypatch.setattr("speechsearch.replay.cache.HANGS_ON", ("asr",))
    code_digest.cache_clear()
    after = code_digest()
    code_digest.cache_clear()
    assert after != before


def test_all_that_an_outcome_hangs_on_is_there():
    assert all((PACKAGE / name).exists() for name in HANGS_ON)


def test_another_key_is_heard(tmp_path):
    with OutcomeCache(tmp_path / "cache.sqlite") as cache:
        cache.get("key", lambda: OUTCOME)
        assert cache.get("other", lambda: Outcome(OUTCOME.observation)).first_title == ""


def test_a_key_hangs_on_all_its_parts():
    assert digest(1, "a") != digest(1, "b") != digest("1", "b")


def test_a_file_that_is_none_of_ours_says_what_to_do(tmp_path):
    (tmp_path / "cache.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigError, match="Remove it"):
        OutcomeCache(tmp_path / "cache.sqlite")
