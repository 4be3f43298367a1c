"""What finding the ends of utterances costs the server, where the server does it."""

from __future__ import annotations

import time

from speechsearch.types import SAMPLE_RATE_HZ, Audio
from speechsearch.vad.detector import Detector


class Costed:
    """A detector, and what it costs the server: CPU seconds over seconds of sound."""

    def __init__(self) -> None:
        self._cpu_s = self._sound_s = 0.0

    def wrap(self, detector: Detector) -> Detector:
        """The same detector, its time counted."""
        return _Counted(detector, self)

    def count(self, cpu_s: float, samples: int) -> None:
        """A frame was heard."""
        self._cpu_s += cpu_s
        self._sound_s += samples / SAMPLE_RATE_HZ

    def share(self) -> float:
        """Since the last call; NaN where nothing was heard."""
        cpu_s, sound_s = self._cpu_s, self._sound_s
        self._cpu_s = self._sound_s = 0.0
        return cpu_s / sound_s if sound_s else float("nan")


class _Counted:
    def __init__(self, detector: Detector, cost: Costed) -> None:
        self._detector, self._cost = detector, cost
        self.name, self.frame_samples = detector.name, detector.frame_samples

    def speech_probability(self, frame: Audio) -> float:
        """As the detector's."""
        began_s = time.thread_time()
        probability = self._detector.speech_probability(frame)
        self._cost.count(time.thread_time() - began_s, len(frame))
        return probability

    def reset(self) -> None:
        """As the detector's."""
        self._detector.reset()
