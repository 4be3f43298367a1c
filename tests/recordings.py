"""Long recordings made of the fixtures, for tests."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr

from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.types import SAMPLE_RATE_HZ


def spoken_with_pauses(queries, pauses_s):
    """The queries, each with so much of its own noise floor behind it, and where each begins."""
    pieces, starts_s, length = [], [], 0
    for query, pause_s in zip(queries, pauses_s, strict=True):
        sound = read_audio(query.path)
        floor = noise_floor(sound, round(pause_s * SAMPLE_RATE_HZ))
        starts_s.append(length / SAMPLE_RATE_HZ)
        pieces += [sound, floor]
        length += len(sound) + len(floor)
    return np.concatenate(pieces), starts_s


def encoded(sound, container="FLAC", subtype=None, rate_hz=SAMPLE_RATE_HZ, channels=1):
    """The bytes of a file with 16 kHz mono ``sound``, at another rate and with more channels."""
    if rate_hz != SAMPLE_RATE_HZ:
        sound = soxr.resample(sound, SAMPLE_RATE_HZ, rate_hz)
    out = io.BytesIO()
    shape = np.repeat(np.asarray(sound)[:, None], channels, axis=1)
    soundfile.write(out, shape, rate_hz, format=container, subtype=subtype)
    return out.getvalue()
