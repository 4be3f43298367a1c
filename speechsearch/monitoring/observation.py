"""One frozen record per utterance: what went in, what came out, by which versions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from speechsearch.asr.ctc import greedy
from speechsearch.asr.model import ModelInfo
from speechsearch.monitoring.sound import LEAST_POWER, Floats, sound_features
from speechsearch.monitoring.voice import child_likeness
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs, Result

NAN = float("nan")
RATE = 0.05
"""Of a window of 100 five events, the fewest that say anything"""


STEP_DB = 0.5
"""Of the level at the model: rounding, and what is very quiet, must not look like a change"""


@dataclass(frozen=True, slots=True)
class Versions:
    """What was in force; an alarm looks here for its cause."""

    microphone: str = ""
    client: str = ""
    vad: str = ""
    """Engine and level, ``silero:0.5``"""
    model: str = ""
    catalogue: str = ""

    def changed(self, before: Versions) -> tuple[str, ...]:
        """Names of what differs and was known before and is now, in the order of the path."""
        return tuple(
            name
            for name in ("microphone", "client", "vad", "model", "catalogue")
            if getattr(self, name) != getattr(before, name)
            and getattr(self, name)
            and getattr(before, name)
        )


@dataclass(frozen=True, slots=True)
class Metric:
    """A feature that is watched: where on the path it is measured, and how it is spoken of."""

    name: str
    stage: str
    words: str
    unit: str = ""
    least: float = 0.15
    """A smaller Kolmogorov-Smirnov distance, of a rate the difference, is no drift, however sure"""


METRICS = (
    Metric("level_dbfs", "capture", "level", "dBFS"),
    Metric("snr_db", "capture", "signal-to-noise ratio", "dB"),
    Metric("clipping_share", "capture", "clipped samples", "%"),
    Metric("dc_share", "capture", "DC offset", "%"),
    Metric("band_limit_hz", "capture", "band limit", "Hz"),
    Metric("centroid_hz", "capture", "spectral centroid", "Hz"),
    Metric("pitch_hz", "capture", "pitch", "Hz"),
    Metric("child_voice", "capture", "likeness to children's voices", "%"),
    Metric("speech_share", "vad", "speech share", "%"),
    Metric("speech_s", "vad", "duration of speech", "s"),
    Metric("model_level_dbfs", "asr", "level at the model", "dBFS"),
    Metric("speaking_rate_hz", "asr", "speaking rate", "letters/s"),
    Metric("confidence", "asr", "confidence of the letters", "%"),
    Metric("blank_share", "asr", "blank frames", "%"),
    Metric("null_transcript", "asr", "empty transcripts", "%", least=RATE),
    Metric("answer_confidence", "search", "confidence of the answer", "%"),
    Metric("zero_results", "search", "answers without hits", "%", least=RATE),
    Metric("score_gap", "search", "gap between the first two hits", ""),
    Metric("unknown_words_share", "search", "words out of the catalogue", "%"),
    Metric("redone", "outcome", "searches said again", "%", least=RATE),
    Metric("typed", "outcome", "searches typed instead", "%", least=RATE),
    Metric("abandoned", "outcome", "searches abandoned", "%", least=RATE),
    Metric("clicked", "outcome", "searches whose hit was chosen", "%", least=RATE),
)
"""In the order of the path"""
STAGES = ("capture", "vad", "asr", "search", "outcome")
SOUNDS = (
    Metric("spectrum", "capture", "spectrum of the speech"),
    Metric("dynamics", "capture", "how the spectrum of the speech moves"),
)
"""The halves of the pooled features, each all at once, for MMD"""
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in (*METRICS, *SOUNDS)}


@dataclass(frozen=True, slots=True)
class Observation:
    """One utterance; NaN where a feature has no value (the confidence of no letters)."""

    session: str
    """Whose utterances are alike: the session, or in recorded traffic the speaker"""
    level_dbfs: float
    snr_db: float
    clipping_share: float
    dc_share: float
    band_limit_hz: float
    centroid_hz: float
    pitch_hz: float
    pooled: tuple[float, ...]
    """Log-mel energies of the speech: no encoder state, which the ONNX graphs keep to themselves"""
    duration_s: float
    speech_share: float
    """Of the captured sound"""
    speech_s: float
    speaking_rate_hz: float
    """Letters a second of speech, as the best path has them"""
    confidence: float
    """Of the best path's letters: it does not depend on the catalogue, as the text shown does"""
    answer_confidence: float
    null_transcript: float
    """1: speech was expected and no text came"""
    zero_results: float
    """1: text, but no hits"""
    score_gap: float
    """Score of the first hit less that of the second"""
    blank_share: float
    """Of the frames"""
    unknown_words_share: float
    """Of the words shown"""
    model_level_dbfs: float = NAN
    """Of what the model was given, after it was normalised: 0 where that is to unit variance"""
    model_gain_db: float = NAN
    """By which it was made louder for that"""
    model_dc_share: float = NAN
    """What was taken away as its DC, of the root mean square, without sign"""
    redone: float = NAN
    """1: the same was asked again soon after. Like the three below NaN where nobody could act"""
    typed: float = NAN
    abandoned: float = NAN
    clicked: float = NAN
    versions: Versions = field(default_factory=Versions)
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def child_voice(self) -> float:
        """How likely a child spoke, 0..1"""
        return child_likeness(self.pooled, self.pitch_hz)

    def values(self) -> Floats:
        """float64 [len(METRICS)] in their order."""
        return np.array([getattr(self, metric.name) for metric in METRICS], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class HeardPart:
    """One answer that stands, and the log-probs that it rests on."""

    result: Result
    log_probs: LogProbs
    samples: Audio | None = None
    """float32 [samples] that the model was given, before it normalised them"""


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """All that is known of an utterance once it has passed through the pipeline."""

    samples: Audio
    """float32 [samples] as captured"""
    speech_samples: int
    """Of these, what the VAD took for speech"""
    parts: Sequence[HeardPart]
    """More than one where a pause cut it; none where the VAD heard no speech"""


def observe(
    passed: Passed,
    session: str,
    versions: Versions,
    info: ModelInfo,
    known_words: Set[str],
) -> Observation:
    """The record; ``known_words`` are those of the catalogue, lower case, empty where unknown."""
    sound = sound_features(passed.samples)
    speech_s = passed.speech_samples / SAMPLE_RATE_HZ
    last = next((one.result for one in reversed(passed.parts) if one.result.hits), None)
    text = " ".join(one.result.text for one in passed.parts if one.result.text)
    words = text.split()
    letters, confidence, blank_share = _heard(passed.parts, info)
    return Observation(
        session=session,
        level_dbfs=sound.level_dbfs,
        snr_db=sound.snr_db,
        clipping_share=sound.clipping_share,
        dc_share=sound.dc_share,
        band_limit_hz=sound.band_limit_hz,
        centroid_hz=sound.centroid_hz,
        pitch_hz=sound.pitch_hz,
        pooled=sound.pooled,
        duration_s=sound.duration_s,
        speech_share=passed.speech_samples / max(1, len(passed.samples)),
        speech_s=speech_s,
        speaking_rate_hz=letters / speech_s if letters and speech_s else NAN,
        confidence=confidence,
        answer_confidence=(last.answer_confidence if last else 0.0) if text else NAN,
        null_transcript=float(not text),
        zero_results=float(last is None) if text else NAN,
        score_gap=_gap(last),
        blank_share=blank_share,
        unknown_words_share=(
            sum(word not in known_words for word in words) / len(words)
            if words and known_words
            else NAN
        ),
        **_normalised(passed.parts, info),
        versions=versions,
        timings_ms=_added([one.result.timings_ms for one in passed.parts]),
    )


def _heard(parts: Sequence[HeardPart], info: ModelInfo) -> tuple[int, float, float]:
    """Letters of the best paths, their confidence, and the share of frames that are blank."""
    letters, nats, blanks, frames = 0, 0.0, 0, 0
    for part in parts:
        best = greedy(part.log_probs, info.vocabulary, info.timing)
        count = sum(len(word.word) for word in best.words)
        if count and best.confidence:
            letters += count
            nats += count * math.log(best.confidence)
        blanks += int((part.log_probs.argmax(axis=1) == info.vocabulary.blank_id).sum())
        frames += len(part.log_probs)
    confidence = math.exp(nats / letters) if letters else NAN
    return letters, confidence, blanks / frames if frames else NAN


def _normalised(parts: Sequence[HeardPart], info: ModelInfo) -> dict[str, float]:
    """What the model's own preparation did to the part of most sound, and what came of it."""
    sound = max((one.samples for one in parts if one.samples is not None), key=len, default=None)
    if sound is None or not sound.size:
        return {}
    done = info.normalisation(sound)
    power = float(np.square(done.apply(sound), dtype=np.float64).mean())
    return {
        "model_level_dbfs": round(10 * math.log10(max(power, LEAST_POWER)) / STEP_DB) * STEP_DB,
        "model_gain_db": -20 * math.log10(done.scale),
        "model_dc_share": abs(done.mean) / done.scale,
    }


def _gap(last: Result | None) -> float:
    if last is None:
        return NAN
    scores = [hit.score for hit in last.hits[:2]]
    return scores[0] - scores[1] if len(scores) == 2 else scores[0]


def _added(timings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name for laps in timings for name in laps}
    return {name: sum(laps.get(name, 0.0) for laps in timings) for name in sorted(names)}
