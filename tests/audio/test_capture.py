"""A microphone's day, with a real PulseAudio.

Suspend cannot be caused here: the clock that tells it is handed in. Nor can PulseAudio be made to
lose sound quickly, its inputs have twelve seconds of buffer: the overrun is that of our own queue,
made short.
"""

import asyncio
import os
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from speechsearch.audio import capture, portaudio
from speechsearch.audio.capture import Microphone
from speechsearch.audio.devices import find_device, input_devices
from speechsearch.audio.source import Block
from speechsearch.audio.supervisor import CaptureSupervisor, SupervisorOptions
from speechsearch.errors import DeviceError
from speechsearch.types import SAMPLE_RATE_HZ
from tests.audio.pulse import needs_pulseaudio

pytestmark = needs_pulseaudio


@dataclass
class Day:
    """What a microphone brought."""

    microphone: Microphone
    notices: list = field(default_factory=list)
    blocks: list = field(default_factory=list)

    @property
    def samples(self):
        return sum(len(block.samples) for block in self.blocks)

    async def follow(self):
        async for item in self.microphone.blocks():
            (self.blocks if isinstance(item, Block) else self.notices).append(item)

    async def until(self, happened, timeout_s=15):
        async with asyncio.timeout(timeout_s):
            while not happened():  # noqa: ASYNC110 - nothing else would say so
                await asyncio.sleep(0.02)

    async def until_said(self, *kinds):
        try:
            await self.until(lambda: {notice.kind for notice in self.notices} >= set(kinds))
        except TimeoutError:
            raise AssertionError(f"{kinds} were not said: {self.notices}") from None
        said, self.notices = self.notices, []
        return {notice.kind: notice for notice in said}

    async def until_it_hears(self):
        before = self.samples
        await self.until(lambda: self.samples > before + SAMPLE_RATE_HZ // 4)


@asynccontextmanager
async def day(device=None, **clocks):
    one = Day(Microphone(device, **clocks))
    following = asyncio.create_task(one.follow())
    try:
        await one.until_it_hears()
        yield one
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert one.microphone._hearing is None or portaudio.start_anew()


async def test_a_default_that_changes_is_followed_and_the_old_one_taken_up_again(cables):
    async with day() as one:
        assert one.microphone.name == "Monitor of Cable"
        module = cables.plug_in("headset", 44_100)
        cables.make_default("headset")
        said = await one.until_said("changed")
        assert "Monitor of Headset" in said["changed"].message
        before = one.samples
        await one.until_it_hears()
        cables.pull_out(module)
        said = await one.until_said("lost", "changed")
        assert "'Monitor of Headset' is gone" in said["lost"].message
        await one.until_it_hears()
        assert one.microphone.name == "Monitor of Cable"
        assert one.microphone.name_at(0) == "Monitor of Cable"
        assert one.microphone.name_at(before) == "Monitor of Headset"


async def test_a_device_wished_for_is_waited_for_though_another_is_there(cables):
    module = cables.plug_in("headset", 44_100)
    async with day("headset") as one:
        cables.pull_out(module)
        said = await one.until_said("lost")
        assert "waiting" in said["lost"].message
        before = one.samples
        await asyncio.sleep(1.0)
        assert one.samples == before
        cables.plug_in("headset", 44_100)
        said = await one.until_said("returned")
        assert said["returned"].missed_s > 0.9


async def test_pulseaudio_that_is_killed_and_comes_back_leaves_one_time_line(cables):
    async with day() as one:
        begun_s = one.blocks[0].heard_at_s
        cables.kill()
        await one.until_said("lost")
        cables.start()
        said = await one.until_said("returned")
        await one.until_it_hears()
        passed_s = one.blocks[-1].heard_at_s - begun_s
        assert 0 < said["returned"].missed_s < 2  # else the silence put in is cut
        assert one.samples / SAMPLE_RATE_HZ == pytest.approx(passed_s, abs=0.3)
        assert one.microphone.missed_s == said["returned"].missed_s


async def test_a_stream_that_stands_still_for_a_while_is_a_gap_and_is_said(cables):
    async with day() as one:
        await asyncio.sleep(1.2)
        cables.run("pactl", "suspend-sink", "cable", "1")
        await asyncio.sleep(1.0)
        cables.run("pactl", "suspend-sink", "cable", "0")
        said = await one.until_said("gap")
        assert said["gap"].missed_s == pytest.approx(1.0, abs=0.4)
        assert one.microphone.missed_s == said["gap"].missed_s


async def test_a_program_too_busy_to_fetch_its_sound_is_told_so(cables, monkeypatch):
    monkeypatch.setattr(capture, "QUEUE_BLOCKS", 5)
    async with day() as one:
        time.sleep(0.6)  # noqa: ASYNC251 - the loop shall stand still
        said = await one.until_said("overrun", "gap")
        assert said["gap"].missed_s > 0.3
        assert one.microphone.overruns > 10


async def test_a_device_that_goes_dead_without_an_error_is_opened_anew(cables, monkeypatch):
    hurried = partial(CaptureSupervisor, options=SupervisorOptions(silent_s=0.7))
    monkeypatch.setattr(capture, "CaptureSupervisor", hurried)
    async with day() as one:
        cables.run("pactl", "suspend-sink", "cable", "1")
        said = await one.until_said("lost")
        assert "no sound" in said["lost"].message
        cables.run("pactl", "suspend-sink", "cable", "0")
        await one.until_said("returned")


async def test_after_a_sleep_of_the_machine_it_listens_again(cables):
    asleep_s = 0.0
    async with day(asleep=lambda: asleep_s) as one:
        asleep_s = 3600.0
        said = await one.until_said("asleep")
        assert "1.0 h" in said["asleep"].message
        await one.until_it_hears()
        assert not one.notices


async def test_a_mute_in_the_sound_settings_is_said(cables):
    async with day() as one:
        cables.run("pactl", "set-source-mute", "cable.monitor", "1")
        await one.until_said("muted")
        cables.run("pactl", "set-source-mute", "cable.monitor", "0")
        await one.until_said("unmuted")


async def test_a_headset_that_falls_to_8_khz_is_warned_of_and_heard(cables):
    with cables.headset_of_8_khz():
        async with day() as one:
            cables.run("pactl", "set-default-source", "headset")
            said = await one.until_said("changed", "narrow")
            assert "at 8000 Hz" in said["changed"].message
            before = len(one.blocks)
            await one.until_it_hears()
            await one.until_it_hears()
            heard = np.concatenate([block.samples for block in one.blocks[before:]])
            spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
            hz = spectrum.argmax() * SAMPLE_RATE_HZ / len(heard)
            assert hz == pytest.approx(1000, abs=10)


def test_the_sound_servers_inputs_are_the_devices(cables):
    cables.plug_in("headset", 16_000)
    devices = input_devices()
    assert [(device.name, device.rate_hz) for device in devices] == [
        ("Monitor of Cable", 48_000), ("Monitor of Headset", 16_000),
    ]  # fmt: skip
    assert find_device(None).name == "Monitor of Cable"
    assert find_device("headset").source == "headset.monitor"
    assert find_device("1").source == "headset.monitor"
    with pytest.raises(DeviceError, match="kazoo"):
        find_device("kazoo")


def test_portaudio_is_not_started_anew_under_an_open_stream(cables):
    device = find_device(None)
    way = portaudio.Input(device.portaudio_number, 48_000, 1, device.source)
    stream = portaudio.InputStream(way, heard=lambda data, lost: None, finished=lambda: None)
    assert not portaudio.start_anew()
    stream.close()
    assert portaudio.start_anew()
    assert "PULSE_SOURCE" not in os.environ


def test_no_memory_is_shared_with_a_server_that_may_die(cables):
    device = find_device(None)
    way = portaudio.Input(device.portaudio_number, 48_000, 1, device.source)
    heard = threading.Event()
    stream = portaudio.InputStream(way, heard=lambda *_: heard.set(), finished=lambda: None)
    assert heard.wait(5)
    assert "memfd:pulseaudio" not in Path("/proc/self/maps").read_text()
    stream.close()
    assert "PULSE_CLIENTCONFIG" not in os.environ


def test_a_stream_that_does_not_end_is_left_behind(cables, monkeypatch):
    monkeypatch.setattr(portaudio, "CLOSE_TIMEOUT_S", 0.1)
    device = find_device(None)
    way = portaudio.Input(device.portaudio_number, 48_000, 1, device.source)
    stream = portaudio.InputStream(way, heard=lambda *_: None, finished=lambda: None)
    gone, end = threading.Event(), stream._close
    monkeypatch.setattr(stream, "_close", lambda: gone.wait() and end())
    stream.close()
    assert not portaudio.start_anew()
    gone.set()
    for _ in range(100):
        if portaudio.start_anew():
            return
        time.sleep(0.1)
    raise AssertionError("once it has ended after all it is forgotten")


def test_what_libraries_write_past_python_is_kept_off_the_terminal(capfd):
    with portaudio.quiet():
        os.write(2, b"Expression 'r' failed in pa_linux_alsa.c")
        print("for the person", file=sys.stderr)
    os.write(2, b"after")
    assert capfd.readouterr().err == "for the person\nafter"
