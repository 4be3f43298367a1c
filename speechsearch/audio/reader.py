"""Recordings decoded a block at a time, within limits: an hour of sound never lies in memory.

A header may say anything, so its numbers are checked first, and then what is really decoded is
counted: a small file that unpacks to gigabytes is refused, whether it says so or not.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from speechsearch.audio.whole import is_cut_short
from speechsearch.errors import AudioFileError, TooMuchSound, UnsupportedAudio
from speechsearch.types import SAMPLE_RATE_HZ, Audio

MAX_FILE_S = 4 * 3600
BLOCK_VALUES = 2**18
"""Samples of all channels decoded at a time: 1 MiB of float32"""
READ = "WAV, FLAC, Ogg/Opus, Ogg/Vorbis and MP3 are read"
UNKNOWN_FRAMES = 2**63 - 1
"""libsndfile's word for a FLAC file without a length, to whose end it does not read"""
UNRECOGNISED, NOT_REGULAR = 1, 7
"""libsndfile's codes for what is no audio file, and (it says) no regular file: an MP3 that ends in
its first frame is called that"""

Frames = npt.NDArray[np.float32]
"""float32 [frames, channels], as decoded"""


@dataclass(frozen=True, slots=True)
class SoundLimits:
    """What is taken of a recording; the defaults are those for a file of one's own."""

    max_s: float = MAX_FILE_S
    max_unpacked_bytes: int = 64 * 10**9
    """Of all channels, as float32"""
    min_rate_hz: int = 1
    max_rate_hz: int = 10**6
    max_channels: int = 1024
    formats: frozenset[str] = frozenset()
    """Containers by libsndfile's names; empty: all it knows"""
    whole: bool = False
    """Whether a file that ends before its sound does is refused"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a recording is: a path, or an open file's descriptor; ``name`` is said in errors."""

    file: Path | int
    name: str

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return os.stat(self.file).st_size  # noqa: PTH116 - it may be a descriptor

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at a place, as far as they are there."""
        if isinstance(self.file, int):
            return os.pread(self.file, length, offset)
        with self.file.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def rewound(self) -> Path | int:
        """The file, to be read from its start."""
        if isinstance(self.file, int):
            os.lseek(self.file, 0, os.SEEK_SET)
        return self.file


def sound_blocks(source: Source, limits: SoundLimits) -> Generator[Audio, None, None]:
    """Mono sound at 16 kHz in pieces, float32 [n], that belong behind each other.

    Raises UnsupportedAudio, TooMuchSound, AudioFileError, the latter two also on the way.
    """
    with _opened(source, limits) as file:
        resampler = None
        if file.samplerate != SAMPLE_RATE_HZ:
            resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE_HZ, 1, dtype="float32")
        for frames in _decoded(file, source, limits):
            mono: Audio = frames.mean(axis=1, dtype=np.float32)
            yield resampler.resample_chunk(mono) if resampler else mono
        if resampler:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def lengths_s(source: Source, limits: SoundLimits) -> Generator[float, None, None]:
    """How long a recording is, as far as it was decoded: the last is its length.

    Raises what ``sound_blocks`` raises.
    """
    with _opened(source, limits) as file:
        frames = 0
        for block in _decoded(file, source, limits):
            frames += len(block)
            yield frames / file.samplerate


@contextmanager
def _opened(source: Source, limits: SoundLimits) -> Iterator[soundfile.SoundFile]:
    """The file with a header within the limits; errors of the decoder become our own."""
    name = source.name
    try:
        with soundfile.SoundFile(source.rewound(), closefd=False) as file:
            _check_header(file, name, limits)
            yield file
    except soundfile.LibsndfileError as error:
        if error.code == UNRECOGNISED:
            raise UnsupportedAudio(f"{name} is no recording", hint=READ) from error
        if error.code == NOT_REGULAR:
            raise AudioFileError(f"{name} is damaged, or no recording", hint=READ) from error
        missing = isinstance(source.file, Path) and not source.file.exists()
        why = "there is no such file" if missing else error.error_string.rstrip(".")
        raise AudioFileError(f"{name} cannot be read: {why}", hint=READ) from error
    except OSError as error:
        raise AudioFileError(f"{name} cannot be read: {error}", hint=READ) from error


def _check_header(file: soundfile.SoundFile, name: str, limits: SoundLimits) -> None:
    if limits.formats and file.format not in limits.formats:
        raise UnsupportedAudio(f"{name} is {file.format_info}", hint=READ)
    if not limits.min_rate_hz <= file.samplerate <= limits.max_rate_hz:
        raise UnsupportedAudio(
            f"{name} has {file.samplerate} samples a second",
            hint=f"Convert it to a rate of {limits.min_rate_hz} to {limits.max_rate_hz} Hz",
        )
    if file.channels > limits.max_channels:
        raise UnsupportedAudio(
            f"{name} has {file.channels} channels",
            hint=f"Mix it down to {limits.max_channels} channels or fewer",
        )
    if not file.frames:
        raise AudioFileError(f"{name} holds no sound", hint="Its length is zero samples")
    if file.frames == UNKNOWN_FRAMES:
        raise AudioFileError(
            f"{name} does not say how long it is, as if it had been written to a pipe",
            hint="Let the encoder write to a file, or convert it to WAV",
        )
    _check_length(file, file.frames, name, limits)


def _check_length(file: soundfile.SoundFile, frames: int, name: str, limits: SoundLimits) -> None:
    if frames > limits.max_s * file.samplerate:
        raise TooMuchSound(
            f"{name} is longer than {limits.max_s / 60:.0f} minutes", hint="Cut it into pieces"
        )
    if frames * file.channels * 4 > limits.max_unpacked_bytes:
        raise TooMuchSound(
            f"{name} unpacks to more than {limits.max_unpacked_bytes / 1e9:.1f} GB",
            hint="Cut it into pieces, or convert it to one channel at 16 kHz",
        )


def _decoded(file: soundfile.SoundFile, source: Source, limits: SoundLimits) -> Iterator[Frames]:
    """All frames, block by block, counted and checked."""
    name, size, count = source.name, max(1, BLOCK_VALUES // file.channels), 0
    while len(frames := file.read(size, dtype="float32", always_2d=True)):
        count += len(frames)
        _check_length(file, count, name, limits)
        if not np.isfinite(frames).all():
            raise AudioFileError(
                f"{name} holds samples that are not numbers", hint="Convert it anew"
            )
        yield frames
    if not count:
        raise AudioFileError(f"{name} holds no sound", hint="Its length is zero samples")
    if limits.whole and is_cut_short(
        file.format, source.read, source.size_bytes, file.frames, count
    ):
        raise AudioFileError(
            f"{name} ends before its sound does: it was cut short", hint="Send the whole file"
        )
