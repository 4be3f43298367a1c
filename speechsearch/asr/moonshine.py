"""Moonshine tiny: Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and
Voice Commands". What it costs grows with the sound; it says nothing of how sure it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from speechsearch.asr.second_ear import Reheard
from speechsearch.asr.weights import check_sum, package_folder
from speechsearch.types import SAMPLE_RATE_HZ, Audio

EXTRA = "moonshine"
SHA256 = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}
SETTINGS = {"identify_speakers": "false", "return_audio_data": "false"}


class MoonshineEar:
    """Its own detector cuts the sound into lines; their texts make the utterance."""

    name = "moonshine-tiny"

    def __init__(self, transcriber: Any) -> None:
        self._transcriber = transcriber

    @classmethod
    def load(cls) -> MoonshineEar:
        """From the package of the extra; raises ConfigError, ModelError."""
        folder = package_folder("moonshine_voice", EXTRA) / "assets" / "tiny-en"
        for file, sha256 in SHA256.items():
            check_sum(folder / file, sha256, EXTRA)
        from moonshine_voice import ModelArch, Transcriber

        return cls(Transcriber(str(folder), ModelArch.TINY, options=SETTINGS))

    def hear(self, samples: Audio) -> tuple[Reheard, ...]:
        """The one reading of float32 [samples]."""
        sound = np.pad(samples, (0, SAMPLE_RATE_HZ // 4)).tolist()
        said = self._transcriber.transcribe_without_streaming(sound, SAMPLE_RATE_HZ)
        text = " ".join(line.text.strip() for line in said.lines).strip()
        return (Reheard(text),) if text else ()
