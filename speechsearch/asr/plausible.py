"""Whether a sequence model's text is what was said: it invents words, and says things twice.

Its text is aligned with the log-probs of the first ear, which heard the sound itself. Where the
best path of the text falls far behind the best path of all, the sound does not say it. The same
alignment gives each word its time and its confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.asr.second_ear import Reheard, said_once
from speechsearch.asr.spans import spans
from speechsearch.asr.spoken import readings
from speechsearch.types import Hypothesis, LogProbs, Word

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlausibleOptions:
    """What is believed: chosen on ``train.tsv``, clean and in noise in which the first ear errs as
    it does on strangers (``scripts/bench/second_ear_choose.py guard``).

    These limits keep 97 and 98 % of 85 right readings, and none of 100 texts that were said in
    another recording; 1 % of those fit better than 5.5 and 2.8 nats.
    """

    most_loss_nats: float = 2.5
    """A letter of the text may cost so much against the best path of the sound, on average"""
    most_word_loss_nats: float = 16.0
    """And a letter of its least likely word"""
    sound_weight: float = 0.2
    """What the first ear counts for against the second where that offers several readings"""
    no_speech: float = 0.6
    least_log_prob: float = -1.0
    """Not believed where no speech is as likely and the words are less so (Whisper's limits)"""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a text fits the sound."""

    hypothesis: Hypothesis
    """In the ear's spelling, timed and weighed by the sound"""
    loss_nats: float
    """A letter, on average"""
    worst_word_nats: float
    """A letter of the word that fits worst"""
    letters: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """A reading that is believed, or why none is."""

    fit: Fit | None
    reason: str


class Judge:
    """Holds what second ears say against log-probs with these letters and this timing."""

    def __init__(
        self, letters: Vocabulary, timing: FrameTiming, options: PlausibleOptions | None = None
    ) -> None:
        self._letters = letters
        self._timing = timing
        self._options = options or PlausibleOptions()

    def judge(
        self, heard: Sequence[Reheard], log_probs: LogProbs, offset_s: float = 0.0
    ) -> Judgement:
        """The reading of ``heard`` that both ears believe most, if the sound says it at all."""
        options = self._options
        if not heard:
            return Judgement(None, "nothing")
        best = heard[0]
        if best.no_speech_probability > options.no_speech and (
            best.average_log_prob < options.least_log_prob
        ):
            return Judgement(None, "no_speech")
        fits = [
            (fit, reading.log_prob - options.sound_weight * fit.loss_nats * fit.letters)
            for reading in heard
            for text in dict.fromkeys((reading.text, said_once(reading.text)))
            if (fit := align(text, log_probs, self._letters, self._timing, offset_s))
        ]
        if not fits:
            return Judgement(None, "unspeakable")
        fit, _ = max(fits, key=lambda it: it[1])
        if fit.loss_nats > options.most_loss_nats:
            return Judgement(None, "misfit")
        if fit.worst_word_nats > options.most_word_loss_nats:
            return Judgement(None, "misfit_word")
        return Judgement(fit, "fits")


def align(
    text: str,
    log_probs: LogProbs,
    letters: Vocabulary,
    timing: FrameTiming,
    offset_s: float = 0.0,
) -> Fit | None:
    """Where the words of ``text`` are in the sound, read in the way that fits it best.

    None where no letter of it is in the vocabulary, or the sound is too short to say it.
    """
    fits = (_align(words, log_probs, letters, timing, offset_s) for words in readings(text))
    return min((fit for fit in fits if fit), key=lambda fit: fit.loss_nats, default=None)


def _align(
    words: Sequence[tuple[str, str]],
    log_probs: LogProbs,
    letters: Vocabulary,
    timing: FrameTiming,
    offset_s: float,
) -> Fit | None:
    """``words``: each as it is written and as it is spoken."""
    column = {letter.lower(): number for letter, number in letters.ids.items()}
    spelt: list[int] = []
    places: list[tuple[str, slice]] = []
    for written, spoken in words:
        columns = [column[c] for c in spoken.replace(" ", letters.word_delimiter) if c in column]
        if columns:
            spelt += [letters.delimiter_id] * bool(spelt)
            places.append((written, slice(len(spelt), len(spelt) + len(columns))))
            spelt += columns
    if not spelt or len(log_probs) < len(spelt):
        return None
    said = np.array(spelt, np.int64)
    first, end = spans(log_probs, said, letters.blank_id, letters.delimiter_id)
    if first[-1] >= len(log_probs):
        return None
    lost = _lost(log_probs, said, first, end, letters)
    peaks = np.array([log_probs[a:b, c].max() for a, b, c in zip(first, end, said, strict=True)])
    spoken_at = said != letters.delimiter_id
    timed = tuple(
        Word(
            word=written,
            start_s=offset_s + timing.start_s(int(first[where][0])),
            end_s=offset_s + timing.start_s(int(end[where][-1])),
            confidence=_mean(peaks[where][spoken_at[where]]),
        )
        for written, where in places
    )
    return Fit(
        Hypothesis(" ".join(word.word for word in timed), _mean(peaks[spoken_at]), timed),
        float(lost.sum() / spoken_at.sum()),
        max(float(lost[where].sum() / spoken_at[where].sum()) for _, where in places),
        int(spoken_at.sum()),
    )


def _lost(
    log_probs: LogProbs, said: Ints, first: Ints, end: Ints, letters: Vocabulary
) -> npt.NDArray[np.float64]:
    """Nats [letters] that each letter and the frames before it cost against the best of each frame;
    what comes after the last is the last's.
    """
    behind = log_probs.max(axis=1).astype(np.float64)
    rest = np.maximum(log_probs[:, letters.blank_id], log_probs[:, letters.delimiter_id])
    path = rest.astype(np.float64)
    for a, b, c in zip(first, end, said, strict=True):
        path[a:b] = log_probs[a:b, c]
    cost = np.concatenate([[0.0], np.cumsum(behind - path)])
    until = np.append(end[:-1], len(log_probs))
    since = np.append(0, end[:-1])
    return np.asarray(cost[until] - cost[since])


def _mean(nats: npt.NDArray[np.float32]) -> float:
    """Geometric mean of probabilities; 0 of none."""
    return min(1.0, math.exp(float(nats.mean()))) if len(nats) else 0.0
