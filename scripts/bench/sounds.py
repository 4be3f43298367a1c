"""Sounds that nobody speaks, made up: silence, tones and music; the same ones for a seed.

Levels are RMS in dBFS, where the sound is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.learning.conditions import generated
from speechsearch.types import SAMPLE_RATE_HZ, Audio

Sound = npt.NDArray[np.float64]
SECONDS = 6.0
FLOORS_DBFS = (-70, -60, -50, -40)
LOUD_DBFS = -20
HUM_HZ = (50, 60)
TONES_HZ = (60, 110, 220, 300, 440, 700, 1000, 1600, 2600, 4000)
CHORDS_HZ = ((262, 330, 392), (220, 262, 330), (147, 185, 220, 262), (98, 123, 147))
LINES = {"dial": ((350, 440), 60.0, 0.0), "busy": ((480, 620), 0.5, 0.5),
         "ringing": ((440, 480), 2.0, 4.0), "engaged": ((425,), 0.48, 0.48)}  # fmt: skip
"""Telephone tones: frequencies, seconds on, seconds off"""
KEYS_HZ = ((697, 770, 852, 941), (1209, 1336, 1477))
BEEPS = ((1000, 0.1, 0.4), (2000, 0.2, 0.3), (600, 0.5, 0.5), (3000, 0.05, 0.15), (880, 0.3, 0.1))
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10))
TUNES = 40
SINGING = 16
MUSIC_DBFS = (-12, -20, -30)


@dataclass(frozen=True, slots=True)
class Made:
    """One sound."""

    kind: str
    name: str
    samples: Audio
    """float32, 16 kHz"""


def all_sounds(seed: int = 0) -> list[Made]:
    """Every one of them, in order."""
    random = np.random.default_rng(seed)
    return [*_silences(random), *_tones(random), *_music(random)]


def _silences(random: np.random.Generator) -> Iterator[Made]:
    yield Made("silence", "digital zero", np.zeros(_samples(SECONDS), np.float32))
    for colour in ("white", "pink", "brown"):
        for dbfs in FLOORS_DBFS:
            yield _made("silence", f"{colour} {dbfs} dBFS", _noise(colour, random), dbfs)
    for hz in HUM_HZ:
        for dbfs in FLOORS_DBFS:
            hum = _harmonics(_steady(hz), (1, 0.2, 0.5, 0.1, 0.3))
            yield _made("silence", f"hum {hz} Hz {dbfs} dBFS", hum, dbfs)


def _tones(random: np.random.Generator) -> Iterator[Made]:
    for hz in TONES_HZ:
        yield _made("tones", f"sine {hz} Hz", np.sin(_steady(hz)))
        yield _made("tones", f"buzz {hz} Hz", _harmonics(_steady(hz), 1 / np.arange(1.0, 9)))
    for chord in CHORDS_HZ:
        yield _made("tones", f"chord {chord}", _together(chord))
    for seconds in (1, 3, 6):
        for low, high in ((100, 4000), (4000, 100), (300, 1200)):
            hz = np.geomspace(low, high, _samples(seconds))
            sweep = np.tile(np.sin(_phase(hz)), round(SECONDS / seconds))
            yield _made("tones", f"sweep {low}-{high} Hz in {seconds} s", sweep)
    for name, (hertz, on_s, off_s) in LINES.items():
        yield _made("tones", f"line {name}", _pulsed(_together(hertz), on_s, off_s))
    for hz, on_s, off_s in BEEPS:
        yield _made("tones", f"beeps {hz} Hz", _pulsed(np.sin(_steady(hz)), on_s, off_s))
    for turn in range(4):
        keys = (_together([random.choice(row) for row in KEYS_HZ], 0.2) for _ in range(12))
        dialled = np.concatenate([np.append(key, np.zeros(_samples(0.15))) for key in keys])
        yield _made("tones", f"keys {turn}", dialled)
    for hz in (500, 900):
        yield _made("tones", f"siren {hz} Hz", np.sin(_phase(_wobbling(hz, 0.4, 0.5))))


def _music(random: np.random.Generator) -> Iterator[Made]:
    for number in range(TUNES):
        name, make = tuple(BANDS.items())[number % len(BANDS)]
        dbfs = MUSIC_DBFS[number // len(BANDS) % len(MUSIC_DBFS)]
        yield _made("music", f"{name} {number} {dbfs} dBFS", make(random), dbfs)
    for number in range(SINGING):
        hz = float(random.choice((98, 131, 165, 220, 294, 392, 523)))
        yield _made("music", f"string {number} {hz:.0f} Hz", _string(hz, random))


def _melody(random: np.random.Generator) -> Sound:
    return _tune(random, lambda hz, seconds: _note(hz, seconds, random))


def _chords(random: np.random.Generator) -> Sound:
    def chord(hz: float, seconds: float) -> Sound:
        third = random.choice((3, 4))
        tones = (hz * 2 ** (step / 12) for step in (0, third, 7))
        return np.sum([_note(tone, seconds, random) for tone in tones], axis=0)

    return _tune(random, chord, shortest_s=0.4)


def _drums(random: np.random.Generator) -> Sound:
    beat_s, made = float(random.uniform(0.15, 0.3)), np.zeros(_samples(SECONDS))
    for number, start in enumerate(range(0, len(made) - _samples(beat_s), _samples(beat_s))):
        hit = _kick(beat_s) if number % 4 == 0 else _snare(beat_s, random) * (number % 2 + 0.2)
        made[start : start + len(hit)] += hit
    return made


def _band(random: np.random.Generator) -> Sound:
    bass = _tune(random, lambda hz, seconds: _note(hz / 4, seconds, random), shortest_s=0.3)
    return _chords(random) + bass + _melody(random) + 2 * _drums(random)


BANDS: dict[str, Callable[[np.random.Generator], Sound]] = {
    "melody": _melody, "chords": _chords, "drums": _drums, "band": _band,
}  # fmt: skip


def _tune(
    random: np.random.Generator,
    play: Callable[[float, float], Sound],
    shortest_s: float = 0.15,
) -> Sound:
    """Notes of one scale, none far from the one before it."""
    scale, root = SCALES[random.integers(len(SCALES))], float(random.uniform(150, 400))
    degree, notes, length = 0, list[Sound](), 0
    while length < _samples(SECONDS):
        degree = int(np.clip(degree + random.integers(-3, 4), -4, 10))
        octave, step = divmod(degree, len(scale))
        seconds = shortest_s * float(random.choice((1, 2, 4)))
        notes.append(play(root * 2 ** (octave + scale[step] / 12), seconds))
        length += len(notes[-1])
    return np.concatenate(notes)[: _samples(SECONDS)]


def _note(hz: float, seconds: float, random: np.random.Generator) -> Sound:
    """Plucked or blown: harmonics that fall off, an attack, a decay."""
    strengths = 1 / np.arange(1.0, 9) ** random.uniform(0.7, 2)
    t = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    shape = np.minimum(1, t / 0.02) * np.exp(-t * random.uniform(0.5, 5))
    return _harmonics(_steady(hz, seconds), strengths) * shape * np.minimum(1, t[::-1] / 0.01)


def _string(hz: float, random: np.random.Generator) -> Sound:
    """Bowed: vibrato, swells, and a resonance that wanders as that of a mouth does."""
    phase = _phase(_wobbling(hz, 0.02, 5.5))
    t = np.arange(len(phase)) / SAMPLE_RATE_HZ
    middle = 900 + 500 * np.sin(2 * np.pi * random.uniform(0.2, 1.5) * t)
    made = np.zeros(len(phase))
    for order in range(1, 17):
        made += np.sin(order * phase) / (1 + ((order * hz - middle) / 300) ** 2)
    return made * (0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(0.3, 2.5) * t) ** 2)


def _kick(seconds: float) -> Sound:
    t = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    return np.sin(_phase(120 * np.exp(-t * 15) + 40)) * np.exp(-t * 12)


def _snare(seconds: float, random: np.random.Generator) -> Sound:
    hiss = random.standard_normal(_samples(seconds))
    return 0.3 * hiss * np.exp(-np.arange(len(hiss)) / SAMPLE_RATE_HZ * random.uniform(20, 60))


def _noise(colour: str, random: np.random.Generator) -> Sound:
    if colour != "brown":
        return generated(colour, _samples(SECONDS), random).astype(np.float64)
    spectrum = np.fft.rfft(random.standard_normal(_samples(SECONDS)))
    spectrum[1:] /= np.arange(1, len(spectrum))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, _samples(SECONDS))


def _together(hertz: Sequence[float], seconds: float = SECONDS) -> Sound:
    return np.sum([np.sin(_steady(hz, seconds)) for hz in hertz], axis=0)


def _harmonics(phase: Sound, strengths: Sequence[float] | Sound) -> Sound:
    return np.sum([s * np.sin(k * phase) for k, s in enumerate(strengths, 1)], axis=0)


def _pulsed(sound: Sound, on_s: float, off_s: float) -> Sound:
    place = np.arange(len(sound)) / SAMPLE_RATE_HZ % (on_s + off_s)
    return sound * (place < on_s)


def _wobbling(hz: float, depth: float, rate_hz: float) -> Sound:
    t = np.arange(_samples(SECONDS)) / SAMPLE_RATE_HZ
    return hz * (1 + depth * np.sin(2 * np.pi * rate_hz * t))


def _steady(hz: float, seconds: float = SECONDS) -> Sound:
    return _phase(np.full(_samples(seconds), float(hz)))


def _phase(hz: Sound) -> Sound:
    return 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


def _made(kind: str, name: str, sound: Sound, dbfs: float = LOUD_DBFS) -> Made:
    """At its level, clipped where that is over full scale."""
    on = sound[np.abs(sound) > 1e-3 * np.abs(sound).max()]
    gain = 10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(on)))
    return Made(kind, name, np.clip(sound * gain, -1, 1).astype(np.float32))
