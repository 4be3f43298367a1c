import json

import pytest

from speechsearch.audio import sound_server

INFO = {"server_name": "PulseAudio (on PipeWire 1.0.5)", "server_version": "15.0.0",
        "default_source_name": "usb"}  # fmt: skip
SOURCES = [
    {"name": "usb", "description": "USB microphone", "sample_specification": "s32le 1ch 48000Hz",
     "mute": True, "monitor_source": ""},
    {"name": "card.monitor", "description": "", "sample_specification": "float32le 6ch 44100Hz",
     "mute": False, "monitor_source": "card"},
]  # fmt: skip


@pytest.fixture
def pactl(tmp_path, monkeypatch):
    """A ``pactl`` that says what it is told to."""

    def answer(info, sources):
        program = tmp_path / "pactl"
        (tmp_path / "info").write_text(info)
        (tmp_path / "list").write_text(sources)
        program.write_text(f'#!/bin/sh\ncat "{tmp_path}/$2"\n')
        program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    return answer


def test_the_sources_of_pipewire_are_read(pactl, monkeypatch):
    pactl(json.dumps(INFO), json.dumps(SOURCES))
    server = sound_server.look()
    assert server.default_source == "usb"
    usb, monitor = server.sources
    assert (usb.description, usb.channels, usb.rate_hz, usb.muted) == (
        "USB microphone", 1, 48_000, True,
    )  # fmt: skip
    assert (monitor.description, monitor.is_monitor) == ("card.monitor", True)
    monkeypatch.setenv("PULSE_SOURCE", "card.monitor")
    assert sound_server.look().default_source == "card.monitor"


@pytest.mark.parametrize("said", ["", "{", "[1]", '{"server_name": "x"}', "Connection refused"])
def test_what_cannot_be_read_is_no_sound_server(pactl, said):
    pactl(said, said)
    assert sound_server.look() is None
    pactl(json.dumps(INFO), said)
    assert sound_server.look() is None


def test_without_pactl_there_is_none_to_ask(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert not sound_server.has_pactl()
    assert sound_server.look() is None
