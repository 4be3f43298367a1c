"""What an utterance's sound is like, before anybody has heard a word of it.

Computed from the sound alone, not from what the VAD took for speech: a change of the VAD must not
look like a change of the microphone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.types import SAMPLE_RATE_HZ, Audio, ms_to_samples

Floats = npt.NDArray[np.float64]

NAN = float("nan")
FRAME_SAMPLES = ms_to_samples(32)
HOP_SAMPLES = ms_to_samples(16)
ACTIVE_BELOW_PEAK_DB = 30.0
"""Frames within so much of the loudest are speech when its level is taken"""
BAND_BELOW_PEAK_DB = 50.0
"""The band reaches up to where the spectrum stays so far below its peak"""
QUIETEST = 0.1
"""Share of the frames that are taken for the noise"""
FLAT = 0.985
"""A sample at this share of the peak, beside another of its sign, lies on a flat top"""
LEAST_POWER = 1e-10
"""-100 dBFS: below it there is no sound"""
MOST_SNR_DB = 80.0
PITCH_SAMPLES = ms_to_samples(64)
PITCH_LAGS = slice(SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 60)
"""Voices between 60 and 400 Hz"""
PITCH_FFT = 1296
"""Holds a frame and the longest lag; a product of twos and threes, which is fast"""
AS_HIGH = 0.85
"""A shorter period that repeats so nearly as well is the period, the longer one a multiple"""
VOICED = 0.5
"""Share of its energy that a voiced frame repeats after one period"""
MELS = 20
POOLED = 2 * MELS
"""Length of ``SoundFeatures.pooled``"""


@dataclass(frozen=True, slots=True)
class SoundFeatures:
    """One sound in numbers; NaN where it has no answer (the SNR of silence)."""

    level_dbfs: float
    """Root mean square of the frames that are speech"""
    snr_db: float
    """Speech over the quietest tenth of the frames"""
    clipping_share: float
    """Samples on flat tops: two or more in a row at the peak of the recording"""
    dc_share: float
    """Mean of the samples over their root mean square, without sign"""
    band_limit_hz: float
    """Highest frequency within 50 dB of the spectrum's peak"""
    centroid_hz: float
    """Mean frequency of the speech, weighted by amplitude"""
    pitch_hz: float
    """Median over the voiced frames: who speaks, man, woman or child"""
    duration_s: float
    pooled: tuple[float, ...]
    """Log-mel energies of the speech frames, level taken out: 20 means, then 20 deviations, dB"""


def sound_features(samples: Audio) -> SoundFeatures:
    """Of float32 [samples], 16 kHz mono; of silence, or less than 32 ms, all but few are NaN."""
    duration_s = len(samples) / SAMPLE_RATE_HZ
    nothing = SoundFeatures(
        NAN, NAN, 0.0, NAN, NAN, NAN, NAN, duration_s, (NAN,) * POOLED,
    )  # fmt: skip
    if len(samples) < FRAME_SAMPLES:
        return nothing
    dc = float(samples.mean(dtype=np.float64))
    total = float(np.mean(np.square(samples, dtype=np.float64)))
    frames = np.lib.stride_tricks.sliding_window_view(samples - dc, FRAME_SAMPLES)[::HOP_SAMPLES]
    powers = np.square(frames, dtype=np.float64).mean(axis=1)
    if powers.max() <= LEAST_POWER:
        return nothing
    active = powers >= powers.max() / 10 ** (ACTIVE_BELOW_PEAK_DB / 10)
    spectra = _powers(np.fft.rfft(frames[active] * _WINDOW, axis=1))
    mels = 10 * np.log10((spectra @ _MEL).astype(np.float64) + LEAST_POWER)
    mels -= mels.mean()
    speech = float(powers[active].mean())
    return SoundFeatures(
        level_dbfs=_db(speech),
        snr_db=_snr_db(powers, speech),
        clipping_share=_clipping(samples),
        dc_share=abs(dc) / total**0.5,
        band_limit_hz=_band_limit_hz(spectra.mean(axis=0)),
        centroid_hz=_centroid_hz(np.sqrt(spectra.mean(axis=0))),
        pitch_hz=_pitch_hz(samples - dc),
        duration_s=duration_s,
        pooled=tuple(float(one) for one in (*mels.mean(axis=0), *mels.std(axis=0))),
    )


def _snr_db(powers: Floats, speech: float) -> float:
    quietest = np.sort(powers)[: max(1, int(QUIETEST * len(powers)))]
    noise = max(float(quietest.mean()), LEAST_POWER)
    return min(MOST_SNR_DB, _db(max(speech - noise, LEAST_POWER) / noise))


def _clipping(samples: Audio) -> float:
    """Share of samples on tops that are flat; each top of a clean wave has one or two."""
    sizes = np.abs(samples)
    at = np.flatnonzero(sizes >= FLAT * float(sizes.max()))
    follow = (np.diff(at) == 1) & (np.diff(np.sign(samples[at])) == 0)
    flat = np.append(follow, False) | np.append(False, follow)
    return float(flat.sum() / len(samples))


def _band_limit_hz(spectrum: Floats) -> float:
    smooth = np.convolve(spectrum, np.ones(5) / 5, mode="same")
    within = np.flatnonzero(smooth >= smooth.max() / 10 ** (BAND_BELOW_PEAK_DB / 10))
    return float(_HZ[within[-1]])


def _centroid_hz(amplitudes: Floats) -> float:
    return float((amplitudes * _HZ).sum() / amplitudes.sum())


def _pitch_hz(samples: Audio) -> float:
    """By the highest peak of each frame's autocorrelation, over the window's (Boersma 1993)."""
    if len(samples) < PITCH_SAMPLES:
        return NAN
    views = np.lib.stride_tricks.sliding_window_view(samples, PITCH_SAMPLES)
    frames = views[:: PITCH_SAMPLES // 2] * _HANNING
    energies = np.square(frames).sum(axis=1)
    frames = frames[energies >= energies.max() / 10 ** (ACTIVE_BELOW_PEAK_DB / 10)]
    repeats = _autocorrelation(frames)[:, PITCH_LAGS] / _PITCH_WINDOW[PITCH_LAGS]
    voiced = repeats.max(axis=1) >= VOICED
    if not voiced.any():
        return NAN
    heard = repeats[voiced]
    first = (heard >= AS_HIGH * heard.max(axis=1, keepdims=True)).argmax(axis=1)
    peaks = [
        at + int(row[at : at + PITCH_LAGS.start].argmax())
        for at, row in zip(first, heard, strict=True)
    ]
    return SAMPLE_RATE_HZ / (float(np.median(peaks)) + PITCH_LAGS.start)


def _autocorrelation(frames: Audio) -> Audio:
    """float32 [frames, PITCH_FFT], 1 at lag 0; right up to the longest of the lags."""
    spectra = np.fft.rfft(frames, PITCH_FFT, axis=1)
    lagged = np.fft.irfft(_powers(spectra), PITCH_FFT, axis=1)
    shares = lagged / np.maximum(lagged[:, :1], LEAST_POWER)
    return shares.astype(np.float32, copy=False)


def _powers(spectra: npt.NDArray[np.complexfloating]) -> Audio:
    powers: Audio = np.square(spectra.real) + np.square(spectra.imag)
    return powers


def _db(power: float) -> float:
    return 10 * float(np.log10(max(power, LEAST_POWER)))


def _mel_filters() -> Floats:
    """[bins, MELS] triangles, equally wide on the mel scale from 60 Hz to 7600 Hz."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (60.0, 7600.0))
    edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    rise = (_HZ[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - _HZ[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rise, fall))
    even: Floats = filters / filters.sum(axis=0)
    return even


_HZ = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE_HZ)
_WINDOW = np.hanning(FRAME_SAMPLES).astype(np.float32)
_MEL = _mel_filters().astype(np.float32)
_HANNING = np.hanning(PITCH_SAMPLES).astype(np.float32)
_PITCH_WINDOW = _autocorrelation(_HANNING[None, :])[0]
