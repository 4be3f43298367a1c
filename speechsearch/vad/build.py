"""The detector that a name stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from speechsearch.vad.detector import Detector
from speechsearch.vad.silero import SileroDetector
from speechsearch.vad.webrtc import WebrtcDetector

Engine = Literal["silero", "webrtc"]


def build_detector(engine: Engine, models_dir: Path, webrtc_aggressiveness: int = 2) -> Detector:
    """A fresh detector; raises ModelError or ConfigError where it cannot be had."""
    if engine == "webrtc":
        return WebrtcDetector(webrtc_aggressiveness)
    return SileroDetector(models_dir)
