"""WebRTC's voice activity detector: Gaussian mixtures over six bands, almost free of cost."""

from __future__ import annotations

import numpy as np
import webrtcvad

from speechsearch.errors import ConfigError
from speechsearch.types import SAMPLE_RATE_HZ, Audio


class WebrtcDetector:
    """Answers 0 or 1 for 20 ms frames.

    ``aggressiveness`` 0..3: higher calls less of it speech. Source: the WebRTC project's
    ``common_audio/vad`` through py-webrtcvad.
    """

    frame_samples = 320

    def __init__(self, aggressiveness: int = 2) -> None:
        if aggressiveness not in range(4):
            raise ConfigError(
                f"WebRTC aggressiveness is {aggressiveness}", hint="Choose 0, 1, 2 or 3"
            )
        self.name = f"webrtc:{aggressiveness}"
        self._aggressiveness = aggressiveness
        self.reset()

    def speech_probability(self, frame: Audio) -> float:
        """1.0 for speech, 0.0 for anything else."""
        pcm = (np.clip(frame, -1, 1) * 32767).astype("<i2").tobytes()
        return float(self._vad.is_speech(pcm, SAMPLE_RATE_HZ))

    def reset(self) -> None:
        """Start anew with the background model of a fresh detector."""
        self._vad = webrtcvad.Vad(self._aggressiveness)
