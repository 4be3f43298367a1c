"""Sounds are the same whoever makes them, as loud as in serving, and changed as asked."""

import numpy as np
import pytest

for extra in ("torch", "torchaudio"):
    pytest.importorskip(extra, reason="needs the [torch] extra")

import msgspec  # noqa: E402
import torch  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from speechsearch.asr.model import FrameTiming  # noqa: E402
from speechsearch.asr.normalisation import normalise  # noqa: E402
from speechsearch.audio.player import read_audio  # noqa: E402
from speechsearch.learning.conditions import speech_power  # noqa: E402
from speechsearch.learning.training.augment import (  # noqa: E402
    Augmenter,
    clipped,
    in_band,
    in_noise,
    in_room,
    in_silence,
    turning_away,
)
from speechsearch.learning.training.batches import Batch, Place  # noqa: E402
from speechsearch.learning.training.corpus import Utterance  # noqa: E402
from speechsearch.learning.training.examples import Kitchen  # noqa: E402
from speechsearch.learning.training.recipe import Augment, Lengths  # noqa: E402

TIMING = FrameTiming(320, 420)
NOTHING = Augment(speed_share=0, noise_share=0, band_share=0, clip_share=0, gain_share=0)
ALL = Augment(speed_share=1, noise_share=1, band_share=1, clip_share=1, gain_share=1)


def tone(hz, seconds=0.5, level=0.3):
    time_s = np.arange(round(seconds * 16000)) / 16000
    return torch.from_numpy((level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32))


def power(sound):
    return float(sound.square().mean())


@pytest.fixture
def kitchen(recipe, table):
    utterances = [
        Utterance(path, 1.0, (2, 3), 0) for path in sorted(table.parent.glob("*.flac"))[:4]
    ]

    def of(augment, silence_ms=0.0, **changes):
        changed = msgspec.structs.replace(
            recipe(**changes), augment=augment, lengths=Lengths(most_silence_ms=silence_ms)
        )
        return Kitchen(changed, utterances, TIMING, normalised=True), utterances

    return of


def batches(count):
    return [Batch(0, (0, 1, 2, 3), Place(0, number + 1)) for number in range(count)]


def test_unchanged_sounds_are_those_that_serving_hears(kitchen):
    made, utterances = kitchen(NOTHING)
    examples = made.make(batches(1)[0])
    for number, one in enumerate(utterances):
        sound = normalise(read_audio(one.path))
        row = examples.heard.samples[number].numpy()
        np.testing.assert_allclose(row[: len(sound)], sound, atol=2e-4)
        assert not row[len(sound) :].any()
        assert examples.heard.frames[number] == TIMING.frames(len(sound))
    assert examples.clean is None


def test_made_ahead_by_threads_or_not_the_sounds_are_the_same(kitchen):
    made, _ = kitchen(ALL, silence_ms=100, teacher=1.0)
    alone, ahead = (list(made.make_all(batches(3), threads)) for threads in (0, 2))
    for one, other in zip(alone, ahead, strict=True):
        assert torch.equal(one.heard.samples, other.heard.samples)
        assert torch.equal(one.clean.samples, other.clean.samples)
    assert not torch.equal(alone[0].heard.samples[:, :999], alone[1].heard.samples[:, :999])


def test_the_teacher_hears_the_same_frames_without_the_noise(kitchen):
    made, _ = kitchen(ALL, teacher=1.0)
    examples = made.make(batches(1)[0])
    assert torch.equal(examples.clean.frames, examples.heard.frames)
    assert not torch.allclose(examples.clean.samples, examples.heard.samples)


@given(st.floats(-5, 30))
@settings(max_examples=20)
def test_noise_is_so_far_below_the_loud_part(snr_db):
    speech = torch.cat([tone(400), torch.zeros(8000)])
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(16000).astype(np.float32))
    added = in_noise(speech, noise, snr_db) - speech
    measured = 10 * np.log10(speech_power(speech.numpy()) / power(added))
    assert measured == pytest.approx(snr_db, abs=0.3)


def test_noise_to_silence_changes_nothing():
    silence = torch.zeros(1000)
    assert torch.equal(in_noise(silence, tone(400)[:1000], 10), silence)


def test_a_pause_in_the_noise_changes_nothing():
    assert torch.equal(in_noise(tone(400), 1e-25 * tone(900), 10), tone(400))


def test_a_room_keeps_length_and_level():
    response = torch.zeros(4000)
    response[[0, 1500, 3000]] = torch.tensor([1.0, 0.5, 0.3])
    wet = in_room(tone(400), response)
    assert len(wet) == 8000
    assert power(wet) == pytest.approx(power(tone(400)), rel=1e-3)
    assert not torch.allclose(wet, tone(400), atol=0.01)


def test_a_band_passes_its_middle_and_not_what_lies_outside():
    for hz, least, most in ((1000, 0.8, 1.05), (60, 0, 0.1), (7500, 0, 0.1)):
        share = power(in_band(tone(hz), 300, 3000)) / power(tone(hz))
        assert least <= share <= most, hz


def test_clipping_cuts_the_peaks_off():
    assert float(clipped(tone(400), 6.0).max()) == pytest.approx(0.3 * 10 ** (-6 / 20), rel=1e-3)


def test_whoever_turns_away_gets_quieter():
    turned = turning_away(tone(400, 2.0), -12.0, 0.5)
    first, last = turned[:3000], turned[-3000:]
    assert 10 * np.log10(power(last) / power(first)) == pytest.approx(-12, abs=1)


@given(st.integers(0, 100), st.floats(0, 20))
@settings(max_examples=20)
def test_silence_around_leaves_the_sound_whole(seed, most_ms):
    sound = tone(400, 0.1).numpy()
    padded = in_silence(sound, most_ms, np.random.default_rng(seed))
    assert len(sound) <= len(padded) <= len(sound) + 2 * most_ms * 16 + 2
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(sound))
    assert any(np.array_equal(window, sound) for window in windows)


def test_a_speed_changes_length_and_pitch():
    augmenter = Augmenter(Augment(speed_share=1, speeds=(1.1,)))
    faster = augmenter.spoken(tone(400, 1.0).numpy(), np.random.default_rng(0))
    assert len(faster) == pytest.approx(16000 / 1.1, abs=2)
    spectrum = np.abs(np.fft.rfft(faster))
    assert spectrum.argmax() * 16000 / len(faster) == pytest.approx(440, abs=2)
