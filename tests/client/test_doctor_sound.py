import pytest

from speechsearch.client import doctor_sound
from speechsearch.client.capture_log import recall, remember
from speechsearch.client.doctor_sound import examine_sound
from tests.audio.pulse import needs_pulseaudio


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def findings():
    return {finding.what: finding for finding in examine_sound()}


@needs_pulseaudio
def test_all_that_is_wrong_with_a_headset_is_said(cables, cache, fixtures):
    found = findings()
    assert "pulseaudio" in found["sound server"].detail
    assert "Monitor of Cable (48000 Hz, default)" in found["microphone"].detail
    assert "hears what this machine plays" in found["microphone quality"].detail
    assert "digital silence" in found["microphone level"].detail
    assert found["microphone level"].mark == "warn"
    with cables.headset_of_8_khz():
        cables.run("pactl", "set-default-source", "headset")
        found = findings()
        assert "only 8000 Hz" in found["microphone quality"].detail
        assert "-15 dBFS" in found["microphone level"].detail
        assert found["microphone level"].mark == "ok  "
        cables.run("pactl", "set-source-mute", "headset", "1")
        found = findings()
        assert "pactl set-source-mute headset 0" in found["microphone level"].detail
        assert found["microphone level"].mark == "MISS"


def test_without_sound_server_and_devices_it_says_how_to_get_them(monkeypatch, cache):
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    monkeypatch.setattr(doctor_sound, "input_devices", list)
    found = findings()
    assert "none answers" in found["sound server"].detail
    assert found["microphone"].mark == "MISS"
    assert "query FILE" in found["microphone"].detail


def test_a_device_that_may_not_be_opened_is_a_question_of_groups(monkeypatch, tmp_path, cache):
    (tmp_path / "pcmC0D0c").touch()
    monkeypatch.setattr(doctor_sound, "SOUND_DEVICES", tmp_path)
    monkeypatch.setattr(doctor_sound, "input_devices", list)
    monkeypatch.setattr("os.access", lambda node, mode: False)
    assert "usermod -aG audio" in findings()["microphone"].detail


def test_without_pactl_it_names_the_package(monkeypatch, cache):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(doctor_sound, "input_devices", list)
    assert "pulseaudio-utils" in findings()["sound server"].detail


def test_what_the_last_listening_lost_is_remembered(monkeypatch, cache):
    assert recall() is None
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    monkeypatch.setattr(doctor_sound, "input_devices", list)
    remember("Headset", overruns=3, missed_s=1.25)
    found = findings()["last listening"]
    assert "Headset: 1.2 s of sound were missed, 3 overruns" in found.detail
    assert found.mark == "warn"
    remember("Headset", overruns=0, missed_s=0.0)
    assert "nothing was missed" in findings()["last listening"].detail
    (cache / "speechsearch" / "last-capture.json").write_text("{")
    assert recall() is None
