"""What alters recorded traffic from a moment on: ``snr=5``, ``vad=webrtc:3``, ``snr=30..5/1000``.

Of the sound: ``snr`` adds pink noise, ``gain`` makes it louder by so many dB (a digital gain: over
full scale it clips), ``band`` keeps frequencies between two, ``clip`` cuts the given share of each
recording's samples off flat. Of the pipeline: ``vad`` (WebRTC 0 to 3, Silero by the probability
that speech must reach) and ``catalogue`` (another index).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from speechsearch.config import DetectorOptions, Settings
from speechsearch.errors import ConfigError
from speechsearch.learning.conditions import generated, in_noise
from speechsearch.types import SAMPLE_RATE_HZ, Audio

SoundKind = Literal["snr", "gain", "band", "clip"]
KINDS = "snr=5, gain=-20, band=300-3400, clip=0.1, vad=ENGINE:LEVEL, catalogue=DIR, snr=30..5/1000"
STEP = 0.5
"""A ramp goes in steps of so many dB, so that recordings can be kept"""
STOP_BELOW_START = 0.15
"""How far below the start probability Silero's stop probability lies: its hysteresis"""
LIMITS = {"snr": (-20.0, 60.0), "gain": (-80.0, 60.0), "clip": (0.001, 0.9)}
_RAMP = re.compile(r"(?P<first>[^.]+(?:\.\d+)?)\.\.(?P<last>[^/]+)/(?P<over>\d+)")


@dataclass(frozen=True, slots=True)
class Sounding:
    """A change of the sound with its numbers settled: part of what a cached outcome hangs on."""

    kind: SoundKind
    values: tuple[float, ...]

    def apply(self, samples: Audio, seed: int) -> Audio:
        """float32 [samples] as they sound then, -1..1."""
        if self.kind == "snr":
            noise = generated("pink", len(samples), np.random.default_rng(seed))
            return in_noise(samples, noise, self.values[0])
        if self.kind == "gain":
            gained = samples * np.float32(10 ** (self.values[0] / 20))
            loud: Audio = np.clip(gained, -1, 1).astype(np.float32)
            return loud
        if self.kind == "band":
            return _in_band(samples, *self.values)
        top = np.float32(np.quantile(np.abs(samples), 1 - self.values[0]))
        clipped: Audio = np.clip(samples, -top, top).astype(np.float32)
        return clipped


@dataclass(frozen=True, slots=True)
class SoundChange:
    """From the moment on; a number may go from ``first`` to ``last`` over so many utterances."""

    kind: SoundKind
    first: tuple[float, ...]
    last: tuple[float, ...]
    over: int = 0

    def at(self, utterance: int) -> Sounding:
        """What holds for the utterance, counted from the change."""
        if not self.over:
            return Sounding(self.kind, self.first)
        share = min(1.0, utterance / self.over)
        step = STEP if self.kind != "clip" else 0.01
        ends = zip(self.first, self.last, strict=True)
        return Sounding(
            self.kind, tuple(round((a + (b - a) * share) / step) * step for a, b in ends)
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """All that is altered."""

    sound: tuple[SoundChange, ...] = ()
    vad: tuple[str, float] | None = None
    catalogue: Path | None = None

    def settings(self, before: Settings) -> Settings:
        """Those in force after the change; raises ConfigError for a level that cannot be."""
        after = before
        if self.catalogue:
            searched = replace(after.search, index=str(self.catalogue))
            after = after.model_copy(update={"search": searched})
        if self.vad:
            engine, level = self.vad
            if engine == "webrtc":
                detector = DetectorOptions("webrtc", int(level))
                return after.model_copy(update={"detector": detector})
            stop = max(0.01, level - STOP_BELOW_START)
            vad = replace(after.vad, start_probability=level, stop_probability=stop)
            after = after.model_copy(update={"detector": DetectorOptions("silero"), "vad": vad})
        return after


def vad_label(settings: Settings) -> str:
    """How the VAD in force is named: engine and level."""
    chosen = settings.detector
    if chosen.engine == "webrtc":
        return f"webrtc:{chosen.webrtc_aggressiveness}"
    return f"silero:{settings.vad.start_probability:g}"


def parse_changes(given: Sequence[str]) -> Changes:
    """What the command line asks for; raises ConfigError that says what could be asked for."""
    changes = Changes()
    kinds = [one.partition("=")[0] for one in given]
    for one in given:
        kind, _, value = one.partition("=")
        if kind in ("vad", "catalogue") and kinds.count(kind) > 1:
            raise ConfigError(f"{kind} is changed twice", hint="There is one at a time")
        if kind == "vad":
            changes = replace(changes, vad=_vad(value))
        elif kind == "catalogue" and value:
            changes = replace(changes, catalogue=Path(value).absolute())
        elif kind in ("snr", "gain", "band", "clip"):
            sound = _sound(cast(SoundKind, kind), value)
            changes = replace(changes, sound=(*changes.sound, sound))
        else:
            raise ConfigError(f"there is no change {one!r}", hint=f"One of {KINDS}")
    return changes


def _sound(kind: SoundKind, value: str) -> SoundChange:
    ramp = _RAMP.fullmatch(value)
    if ramp and int(ramp["over"]) < 1:
        raise ConfigError(f"a ramp over {ramp['over']} utterances", hint="snr=30..5/1000")
    if ramp:
        return SoundChange(
            kind, _numbers(kind, ramp["first"]), _numbers(kind, ramp["last"]), int(ramp["over"])
        )
    return SoundChange(kind, _numbers(kind, value), _numbers(kind, value))


def _numbers(kind: SoundKind, value: str) -> tuple[float, ...]:
    parts = value.split("-") if kind == "band" else [value]
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        numbers = ()
    good = bool(numbers) and all(map(math.isfinite, numbers))
    if kind == "band":
        good = good and len(numbers) == 2 and 0 <= numbers[0] < numbers[1] <= SAMPLE_RATE_HZ / 2
    elif good:
        low, high = LIMITS[kind]
        good = low <= numbers[0] <= high
    if not good:
        limits = "two frequencies up to 8000 Hz" if kind == "band" else "{} to {}".format(
            *LIMITS[kind]
        )  # fmt: skip
        raise ConfigError(
            f"{kind}={value} cannot be",
            hint=f"{kind} takes {limits}, or a ramp over so many utterances: snr=30..5/1000",
        )
    return numbers


def _vad(value: str) -> tuple[str, float]:
    engine, _, level = value.partition(":")
    try:
        number = float(level)
    except ValueError:
        number = math.nan
    if (engine == "webrtc" and number in (0, 1, 2, 3)) or (engine == "silero" and 0 < number < 1):
        return engine, number
    raise ConfigError(
        f"vad={value} cannot be", hint="webrtc:0 to webrtc:3, or silero:0.05 to silero:0.99"
    )


def _in_band(samples: Audio, low_hz: float, high_hz: float) -> Audio:
    """Only what lies between the two frequencies, with slopes of 50 Hz."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    kept = np.clip((hz - low_hz) / 50 + 1, 0, 1) * np.clip((high_hz - hz) / 50 + 1, 0, 1)
    return np.fft.irfft(spectrum * kept, len(samples)).astype(np.float32)
