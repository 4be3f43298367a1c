"""Recordings made harder to find: a carrier phrase before them, or only a few of their words."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.spans import spans
from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.learning.conditions import speech_power
from speechsearch.learning.table import Recording
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs, ms_to_samples

VOICES = ("slt", "rms", "awb")
CARRIERS = (
    "find me", "play", "I am looking for a book called", "could you please put on", "let me hear",
)  # fmt: skip
"""The first three are known to the search, the others are not."""
GAP_MS = 120
LEAD_MS = 80
FRAME_MS = 10
BELOW_PEAK_DB = 35.0
AROUND_MS = 300
"""Quiet before and after words that were cut out"""
FEWEST_WORDS = 5
WINDOWS = (2, 3)

Window = tuple[str, ...]


def carrier_of(place: int) -> tuple[str, str]:
    """Carrier and voice of the recording at a place of its table: all pairs take turns."""
    return CARRIERS[place % len(CARRIERS)], VOICES[place // len(CARRIERS) % len(VOICES)]


def with_carriers(recordings: Sequence[Recording]) -> list[Recording]:
    """The rows that belong to ``Carriers``: another transcript, the same right entry."""
    return [
        replace(row, transcript=f"{carrier_of(place)[0]} {row.transcript}", item=row.transcript)
        for place, row in enumerate(recordings)
    ]


class Carriers:
    """Speaks a carrier phrase (flite) before each recording, as loud as the recording."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._places = {row.name: place for place, row in enumerate(recordings)}

    def apply(self, samples: Audio, name: str) -> Audio:
        """Carrier, a short gap of the recording's own noise floor, and the recording's speech."""
        carrier = spoken(*carrier_of(self._places[name]))
        carrier = carrier * np.sqrt(speech_power(samples) / speech_power(carrier))
        start, end = speech_span(carrier)
        lead = max(0, speech_span(samples)[0] - ms_to_samples(LEAD_MS))
        floor = noise_floor(samples, ms_to_samples(2 * AROUND_MS))
        before, gap = floor[: ms_to_samples(AROUND_MS)], floor[-ms_to_samples(GAP_MS) :]
        pieces = [before, carrier[start:end], gap, samples[lead:]]
        return np.clip(np.concatenate(pieces), -1, 1).astype(np.float32)


@cache
def spoken(text: str, voice: str) -> Audio:
    """float32 [samples] of a synthetic voice; raises OSError where flite is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "carrier.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(out)], check=True)
        return read_audio(out)


def speech_span(samples: Audio) -> tuple[int, int]:
    """First sample and end of what is within BELOW_PEAK_DB of the loudest 10 ms."""
    frame = ms_to_samples(FRAME_MS)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    powers = np.square(frames).mean(axis=1)
    loud = np.flatnonzero(powers >= powers.max() / 10 ** (BELOW_PEAK_DB / 10))
    return int(loud[0]) * frame, int(loud[-1] + 1) * frame


@dataclass(frozen=True, slots=True)
class Part:
    """Words of a sentence: ``first`` to before ``end``."""

    words: tuple[str, ...]
    first: int
    end: int


def choose_parts(recordings: Sequence[Recording], titles: Sequence[str]) -> Mapping[str, Part]:
    """Two or three words in a row of each longer sentence that no other title has, by row name."""
    known = Counter(window for title in titles for window in set(_windows(title)))
    random, parts = np.random.default_rng(0), {}
    for row in recordings:
        words = tuple(row.transcript.split())
        windows = [
            (first, first + length)
            for length in WINDOWS
            for first in range(len(words) - length + 1)
            if known[words[first : first + length]] == 1
        ]
        if len(words) >= FEWEST_WORDS and windows:
            parts[row.name] = Part(words, *windows[random.integers(len(windows))])
    return parts


def only_parts(recordings: Sequence[Recording], parts: Mapping[str, Part]) -> list[Recording]:
    """The rows that belong to ``Parts``: a few words, the same right entry."""
    chosen = [(row, parts[row.name]) for row in recordings if row.name in parts]
    return [
        replace(row, transcript=" ".join(p.words[p.first : p.end]), item=row.transcript)
        for row, p in chosen
    ]


class Parts:
    """Cuts the chosen words out of each recording, at their times by forced alignment."""

    def __init__(self, parts: Mapping[str, Part], model: OnnxAcousticModel) -> None:
        self._parts = parts
        self._model = model

    def apply(self, samples: Audio, name: str) -> Audio:
        """The words between the middles of the gaps around them, in the recording's noise floor."""
        part = self._parts[name]
        times_s = self._word_times_s(samples, part.words)
        borders_s = [(a[1] + b[0]) / 2 for a, b in pairwise(times_s)]
        length_s = len(samples) / SAMPLE_RATE_HZ
        borders_s = [max(0.0, times_s[0][0] - 0.1), *borders_s, min(length_s, times_s[-1][1] + 0.2)]
        start, end = (round(borders_s[at] * SAMPLE_RATE_HZ) for at in (part.first, part.end))
        quiet = noise_floor(samples, 2 * ms_to_samples(AROUND_MS))
        half = len(quiet) // 2
        return np.concatenate([quiet[:half], samples[start:end], quiet[half:]])

    def _word_times_s(self, samples: Audio, words: Sequence[str]) -> list[tuple[float, float]]:
        info = self._model.info
        columns = {letter.lower(): column for letter, column in info.vocabulary.ids.items()}
        columns[" "] = info.vocabulary.delimiter_id
        text = " ".join(words)
        letters = [columns[letter] for letter in text]
        frames = align(self._model.log_probs(samples), letters, info.vocabulary.blank_id)
        ends = np.cumsum([len(word) + 1 for word in words]) - 2
        starts = [0, *(ends[:-1] + 2)]
        return [
            (info.timing.start_s(frames[a][0]), info.timing.start_s(frames[b][1]))
            for a, b in zip(starts, ends, strict=True)
        ]


def align(log_probs: LogProbs, letters: Sequence[int], blank: int) -> list[tuple[int, int]]:
    """First frame and end of each letter on the best CTC path that spells them all.

    ``log_probs`` [frames, columns] with at least as many frames as the path needs. A delimiter is a
    letter as any other here, so that every one of them has its frames.
    """
    first, end = spans(log_probs, np.array(letters, np.int64), blank, blank)
    return list(zip(first.tolist(), end.tolist(), strict=True))


def _windows(title: str) -> Iterator[Window]:
    words = title.split()
    for length in WINDOWS:
        for first in range(len(words) - length + 1):
            yield tuple(words[first : first + length])
