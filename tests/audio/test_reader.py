import contextlib
import io
import os

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsearch.audio import reader
from speechsearch.audio.player import read_audio
from speechsearch.audio.reader import SoundLimits, Source, lengths_s, sound_blocks
from speechsearch.errors import AudioError, AudioFileError, TooMuchSound, UnsupportedAudio

KINDS = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]  # fmt: skip
UPLOAD = SoundLimits(max_s=60, max_rate_hz=96_000, min_rate_hz=4000, max_channels=6, whole=True)


def noise(seconds=1.0, rate_hz=16_000, channels=1):
    shape = (round(seconds * rate_hz), channels)
    return np.random.default_rng(0).normal(0, 0.1, shape).clip(-1, 1).astype(np.float32)


def encoded(sound, rate_hz=16_000, container="WAV", subtype="PCM_16"):
    out = io.BytesIO()
    soundfile.write(out, sound, rate_hz, format=container, subtype=subtype)
    return out.getvalue()


@pytest.fixture
def kept(tmp_path):
    def keep(data):
        path = tmp_path / "recording"
        path.write_bytes(data)
        return Source(path, "recording")

    return keep


def measure_s(source, limits):
    return list(lengths_s(source, limits))[-1]


def whole(source, limits=UPLOAD):
    return np.concatenate(list(sound_blocks(source, limits)))


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (44_100, 2), (48_000, 6)])
def test_blocks_of_any_rate_are_exactly_the_whole_mixed_and_resampled_at_once(
    kept, rate_hz, channels, monkeypatch
):
    monkeypatch.setattr(reader, "BLOCK_VALUES", 5000)
    sound = noise(1.3, rate_hz, channels)
    source = kept(encoded(sound, rate_hz, subtype="FLOAT"))
    expected = soxr.resample(sound.mean(axis=1, dtype=np.float32), rate_hz, 16_000)
    np.testing.assert_array_equal(whole(source), expected)
    np.testing.assert_array_equal(read_audio(source.file), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_read_from_a_path_and_from_a_descriptor_alike(kept, kind):
    source = kept(encoded(noise(), container=kind[0], subtype=kind[1]))
    with source.file.open("rb") as file:
        file.read(10)
        opened = Source(file.fileno(), "upload")
        assert measure_s(opened, UPLOAD) == pytest.approx(1.0)
        np.testing.assert_array_equal(whole(opened), whole(source))
        os.fstat(file.fileno())  # still open


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_file_that_was_cut_short_is_refused(kept, kind, share):
    data = encoded(noise(3.0), container=kind[0], subtype=kind[1])
    with pytest.raises(AudioFileError):
        measure_s(kept(data[: round(share * len(data))]), UPLOAD)


def test_what_is_left_of_a_file_of_ones_own_is_still_read(kept):
    data = encoded(noise())
    assert len(whole(kept(data[: len(data) // 2]), SoundLimits())) > 7000


def test_a_wav_that_was_written_to_a_pipe_is_whole(kept):
    data = bytearray(encoded(noise()))
    for length in (0xFFFF_FFFF, 0x7FFF_F000):
        data[40:44] = length.to_bytes(4, "little")
        assert measure_s(kept(bytes(data)), UPLOAD) == pytest.approx(1.0)


def with_length(flac, frames):
    """The total in a FLAC file's STREAMINFO replaced."""
    data = bytearray(flac)
    data[21] = data[21] & 0xF0 | frames >> 32
    data[22:26] = (frames & 0xFFFF_FFFF).to_bytes(4, "big")
    return bytes(data)


def test_a_flac_that_says_it_is_hours_long_is_refused_before_it_is_decoded(kept, monkeypatch):
    monkeypatch.setattr(reader, "_decoded", lambda *_: pytest.fail("it was decoded"))
    bomb = with_length(encoded(noise(), container="FLAC"), 2**36 - 1)
    with pytest.raises(TooMuchSound, match="longer than 1 minutes"):
        measure_s(kept(bomb), UPLOAD)


def test_a_small_flac_that_unpacks_to_too_much_is_refused_by_its_bytes(kept):
    silence = encoded(np.zeros((2_000_000, 2), np.float32), 48_000, "FLAC")
    assert len(silence) < 20_000
    with pytest.raises(TooMuchSound, match="unpacks to more than"):
        measure_s(kept(silence), SoundLimits(max_unpacked_bytes=10_000_000))


def test_a_flac_without_a_length_is_refused_with_what_to_do(kept):
    with pytest.raises(AudioFileError, match="how long it is") as caught:
        measure_s(kept(with_length(encoded(noise(), container="FLAC"), 0)), UPLOAD)
    assert caught.value.hint


@pytest.mark.parametrize("frames", [1000, 15_999, 16_001, 900_000])
def test_a_flac_that_lies_about_its_length_never_gives_more_than_it_says(kept, frames):
    source = kept(with_length(encoded(noise(), container="FLAC"), frames))
    try:
        assert len(whole(source)) <= frames
    except AudioFileError:
        assert frames > 16_000


class Endless:
    """A decoder that says it has little and gives more and more."""

    samplerate, channels, frames, format = 16_000, 1, 16_000, "OGG"
    given = 0

    def read(self, frames, **_):
        self.given += frames
        return np.zeros((frames, 1), np.float32)


def test_what_is_decoded_is_counted_so_that_a_lying_header_gets_nothing(kept):
    decoder, limits = Endless(), SoundLimits(max_s=60)
    with pytest.raises(TooMuchSound):
        list(reader._decoded(decoder, Source(0, "bomb"), limits))
    assert decoder.given <= 60 * 16_000 + reader.BLOCK_VALUES


@pytest.mark.parametrize(
    ("rate_hz", "channels", "what"),
    [(192_000, 8, "192000 samples a second"), (48_000, 8, "8 channels"), (1, 1, "1 samples")],
)
def test_rates_and_channels_beyond_the_limits_are_refused_with_those_that_are_taken(
    kept, rate_hz, channels, what
):
    with pytest.raises(UnsupportedAudio, match=what) as caught:
        measure_s(kept(encoded(np.zeros((100, channels), np.float32), rate_hz)), UPLOAD)
    assert any(word in caught.value.hint for word in ("96000", "6 channels"))


@pytest.mark.parametrize("data", [b"", b"hello there, this is text\n" * 50, b"\x89PNG\r\n" * 20])
def test_what_is_no_recording_is_said_to_be_none(kept, data):
    with pytest.raises(UnsupportedAudio, match="no recording"):
        measure_s(kept(data), UPLOAD)


def test_a_recording_of_length_zero_and_one_of_no_numbers_are_refused(kept):
    with pytest.raises(AudioFileError, match="no sound"):
        measure_s(kept(encoded(noise(0))), UPLOAD)
    broken = noise()
    broken[5000] = np.nan
    with pytest.raises(AudioFileError, match="not numbers"):
        measure_s(kept(encoded(broken, subtype="FLOAT")), UPLOAD)


def test_formats_that_are_not_taken_are_named(kept):
    with pytest.raises(UnsupportedAudio, match="AIFF"):
        measure_s(kept(encoded(noise(), container="AIFF")), SoundLimits(formats=frozenset({"WAV"})))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(AudioFileError, match="there is no such file"):
        measure_s(Source(tmp_path / "none.wav", "none.wav"), SoundLimits())


def test_a_few_bytes_called_mp3_are_not_called_a_pipe(tmp_path):
    (tmp_path / "a.mp3").write_text("x\n")
    with pytest.raises(AudioFileError, match="damaged, or no recording"):
        measure_s(Source(tmp_path / "a.mp3", "a.mp3"), SoundLimits())


SHORT = {kind: encoded(noise(0.2), container=kind[0], subtype=kind[1]) for kind in KINDS}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_a_file_with_any_bytes_damaged_gives_sound_within_limits_or_a_clear_error(
    tmp_path_factory, kind, data
):
    broken = bytearray(SHORT[kind])
    near = st.integers(0, min(200, len(broken) - 1)) | st.integers(0, len(broken) - 1)
    for place in data.draw(st.lists(near, min_size=1, max_size=12)):
        broken[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(broken[: data.draw(st.integers(0, len(broken)))])
    with contextlib.suppress(AudioError):
        assert len(whole(Source(path, "damaged"))) <= 61 * 16_000
