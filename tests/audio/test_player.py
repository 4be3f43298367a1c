import asyncio

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.audio.player import Player, Playlist, noise_floor, read_audio
from speechsearch.errors import AudioFileError


async def play(player):
    return [block async for block in player.blocks()]


def test_a_stereo_file_at_another_rate_becomes_16_khz_mono(tmp_path):
    time_s = np.arange(44_100) / 44_100
    tone = np.sin(2 * np.pi * 440 * time_s)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, tone], 1), 44_100)
    sound = read_audio(tmp_path / "tone.wav")
    assert sound.dtype == np.float32
    assert abs(len(sound) - 16_000) <= 2
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(int(spectrum.argmax()) * 16_000 / len(sound) - 440) < 2


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.wav", b""), ("text.wav", b"hello, I am not sound"), ("missing.wav", None)],
)
def test_what_is_no_recording_is_refused_by_name(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioFileError, match=name) as caught:
        read_audio(tmp_path / name)
    assert caught.value.hint


def test_a_recording_of_no_samples_or_of_no_numbers_is_refused(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    with pytest.raises(AudioFileError, match="no sound"):
        read_audio(tmp_path / "none.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(AudioFileError, match="not numbers"):
        read_audio(tmp_path / "nan.wav")


def test_a_recording_over_the_limit_is_refused_before_it_is_read(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(32_000), 16_000)
    with pytest.raises(AudioFileError, match="longer"):
        read_audio(tmp_path / "long.wav", max_s=1)


async def test_the_player_gives_the_recording_then_its_noise_floor():
    sound = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    sound[4_000:8_000] = 0.001
    blocks = await play(Player(sound, speed=0, tail_s=0.5))
    played = np.concatenate([block.samples for block in blocks])
    assert np.array_equal(played[:16_000], sound)
    assert len(played) == 24_000
    assert np.abs(played[16_000:]).max() < 0.01


async def test_blocks_come_when_their_last_sample_would_have_been_heard():
    instants = iter(np.arange(0, 100, 0.001))
    player = Player(np.ones(960, np.float32), tail_s=0, clock=lambda: float(next(instants)))
    due = [block.heard_at_s - player.started_s for block in await play(player)]
    assert due == pytest.approx([0.032, 0.06])


async def test_a_stopped_player_ends():
    player = Player(np.zeros(16_000, np.float32), speed=0)
    blocks = player.blocks()
    await anext(blocks)
    player.stop()
    assert [block async for block in blocks] == []
    await asyncio.sleep(0)


@given(st.integers(1, 4_000), st.floats(1e-4, 0.5))
def test_the_noise_floor_is_as_loud_as_the_quietest_part(length, level):
    sound = np.random.default_rng(length).normal(0, level, length).astype(np.float32)
    floor = noise_floor(sound, 8_000)
    assert floor.shape == (8_000,)
    assert np.isfinite(floor).all()
    assert np.sqrt(np.mean(floor**2)) <= np.sqrt(np.mean(sound**2)) * 1.2 + 1e-6
    assert np.array_equal(floor, noise_floor(sound, 8_000))


async def test_a_playlist_is_one_time_line_that_knows_what_played_when():
    recordings = [("one", np.full(640, 0.1, np.float32)), ("two", np.full(960, 0.2, np.float32))]
    playlist = Playlist(recordings, tail_s=0.02)
    blocks = await play(playlist)
    played = np.concatenate([block.samples for block in blocks])
    assert len(played) == 640 + 320 + 960 + 320
    assert [playlist.name_at(sample) for sample in (0, 959, 960, 5_000)] == [
        "one", "one", "two", "two",
    ]  # fmt: skip
    assert playlist.name == "two"
