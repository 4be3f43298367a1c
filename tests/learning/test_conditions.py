import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from speechsearch.errors import AudioFileError, TableError
from speechsearch.learning.conditions import (
    Condition,
    ConditionOptions,
    generated,
    in_noise,
    in_room,
    speech_power,
)

SPEECH = np.concatenate(
    [np.zeros(8000), 0.1 * np.sin(np.arange(16_000) * 0.2), np.zeros(8000)]
).astype(np.float32)


@given(st.floats(-10, 40), st.sampled_from(["white", "pink"]))
def test_the_noise_lies_so_far_below_the_speech_itself(snr_db, colour):
    noise = generated(colour, len(SPEECH), np.random.default_rng(0))
    mixed = in_noise(SPEECH, noise, snr_db)
    assert np.abs(mixed).max() <= 0.99
    scale = float(mixed @ SPEECH / (SPEECH @ SPEECH)) or 1.0
    added = np.mean(np.square(mixed - scale * SPEECH))
    assert 10 * np.log10(scale**2 * speech_power(SPEECH) / added) == pytest.approx(snr_db, abs=0.5)


def test_pink_noise_has_as_much_power_in_each_octave():
    spectrum = np.abs(np.fft.rfft(generated("pink", 1 << 16, np.random.default_rng(0)))) ** 2
    octaves = [spectrum[1 << n : 2 << n].sum() for n in range(8, 15)]
    assert max(octaves) / min(octaves) < 1.4


def test_a_room_adds_its_echo_without_delay_at_the_same_level():
    response = np.zeros(4000, np.float32)
    response[[500, 2500]] = 0.8, 0.4
    wet = in_room(SPEECH, response)
    assert len(wet) == len(SPEECH) + 3500 - 1
    assert np.abs(wet[:8000]).max() < 1e-5 < np.abs(wet[8000:8100]).max()
    assert speech_power(wet) == pytest.approx(speech_power(SPEECH), rel=0.01)
    assert np.abs(wet[24_500:25_500]).max() > 0.01


def test_a_seed_gives_a_recording_the_same_sound_whatever_else_is_run():
    options = ConditionOptions(snr_db=10)
    one = Condition(options).apply(SPEECH, "a.wav")
    condition = Condition(options)
    assert not np.array_equal(condition.apply(SPEECH, "b.wav"), one)
    assert np.array_equal(condition.apply(SPEECH, "a.wav"), one)
    assert not np.array_equal(Condition(ConditionOptions(10, seed=1)).apply(SPEECH, "a.wav"), one)


def test_nothing_asked_changes_nothing():
    condition = Condition(ConditionOptions())
    assert not condition.changes_anything
    assert np.array_equal(condition.apply(SPEECH, "a.wav"), SPEECH)


@pytest.fixture
def sounds(tmp_path):
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "hum.wav", 0.1 * random.standard_normal(5000), 16_000)
    soundfile.write(tmp_path / "room.wav", [0.5, 0.1, 0.05], 16_000)
    soundfile.write(tmp_path / "none.wav", np.zeros(800), 16_000)
    (tmp_path / "noise.tsv").write_text("path\tkind\nhum.wav\tesc10\nroom.wav\trir\n")
    return tmp_path


def test_noise_and_rooms_come_from_recordings_or_a_table_of_both(sounds):
    for noise in ("hum.wav", "noise.tsv"):
        for rir in ("room.wav", "noise.tsv"):
            options = ConditionOptions(10, str(sounds / noise), str(sounds / rir))
            assert len(Condition(options).apply(SPEECH, "a.wav")) == len(SPEECH) + 2


def test_noise_that_cannot_be_had_is_said(sounds):
    (sounds / "rooms.tsv").write_text("path\tkind\nroom.wav\trir\n")
    with pytest.raises(TableError, match="no rows of another kind"):
        Condition(ConditionOptions(10, str(sounds / "rooms.tsv")))
    with pytest.raises(AudioFileError, match=r"none.wav holds only silence"):
        Condition(ConditionOptions(10, str(sounds / "none.wav"))).apply(SPEECH, "a")
    with pytest.raises(AudioFileError, match=r"absent.wav"):
        Condition(ConditionOptions(rir="absent.wav")).apply(SPEECH, "a")


@pytest.mark.parametrize("options", [{"noise": "white"}, {"snr_db": 200.0}])
def test_options_that_make_no_sense_are_said(options):
    with pytest.raises(TableError):
        ConditionOptions(**options)
