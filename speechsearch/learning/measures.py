"""Error rates and ranks over recordings, with intervals that respect that speakers differ.

Recordings of one person are alike, so the bootstrap draws speakers, not recordings (Bisani and
Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speechsearch.asr.wer import Errors
from speechsearch.learning.heard import Heard
from speechsearch.learning.table import Recording

SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id", "session")
PERCENTILES = (50, 95, 99)
MRR_DEPTH = 10

Share = tuple[float, float]
"""A numerator and what it is divided by"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A recording, and what came of it."""

    recording: Recording
    seconds: float
    heard: Heard
    errors: Errors | None
    """None: no transcript to compare with"""
    right: frozenset[str] = frozenset()
    """Ids of the entries that answer it"""
    rank: int | None = None
    """Of the first right hit: from 1, NOT_FOUND, or None where none is known"""
    typed_rank: int | None = None
    """The same with the transcript typed"""

    @property
    def speaker(self) -> str:
        """Who speaks; where the table does not say, each recording is a speaker's only one."""
        columns = self.recording.columns
        named = (columns[name] for name in SPEAKER_COLUMNS if columns.get(name))
        return next(named, f"\0{self.recording.name}")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn."""

    resamples: int = 1000
    seed: int = 0


def figures(outcomes: Sequence[Outcome], bootstrap: Bootstrap) -> dict[str, Any]:
    """All measures of at least one outcome; None where no row allows a measure.

    ``NAME_95`` is the percentile interval over speakers, None for fewer than two of them.
    """
    shares = [_shares(outcome) for outcome in outcomes]
    names = list(shares[0])
    counts = np.array([[row[name] for name in names] for row in shares], float)
    per_speaker = _sum_by(counts, [outcome.speaker for outcome in outcomes])
    whole = _ratio(counts.sum(axis=0))
    low, high = _interval(per_speaker, bootstrap)
    found: dict[str, Any] = {
        "n": len(outcomes),
        "speakers": len(per_speaker),
        "n_transcripts": sum(outcome.errors is not None for outcome in outcomes),
        "n_items": sum(outcome.rank is not None for outcome in outcomes),
    }
    for place, name in enumerate(names):
        found[name] = _rounded(whole[place])
        interval = [_rounded(low[place]), _rounded(high[place])]
        found[f"{name}_95"] = None if None in interval else interval
    found["latency_ms"] = latencies([ms for o in outcomes for ms in o.heard.timings_ms])
    return found


def latencies(timings_ms: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Percentiles of each stage; ``endpoint_to_results`` is t3 - t1."""
    rows = [
        {**ms, "endpoint_to_results": ms["end_of_speech_to_results"] - ms["endpoint"]}
        for ms in timings_ms
    ]
    return {
        stage: {
            f"p{p}": round(float(np.percentile([row[stage] for row in rows if stage in row], p)), 1)
            for p in PERCENTILES
        }
        for stage in (rows[0] if rows else ())
    }


def _shares(outcome: Outcome) -> dict[str, Share]:
    """Every measure as a share; (0, 0) where the row does not allow it."""
    errors, none = outcome.errors, (0.0, 0.0)
    shares: dict[str, Share] = {
        "wer": (errors.word_errors, errors.words) if errors else none,
        "cer": (errors.letter_errors, errors.letters) if errors else none,
        "sentence_accuracy": (float(errors.word_errors == 0), 1) if errors else none,
    }
    shares |= _rank_shares("", outcome.rank) | _rank_shares("typed_", outcome.typed_rank)
    lost = outcome.rank is not None and outcome.typed_rank is not None
    shares["lost_by_hearing"] = (
        ((outcome.typed_rank == 1) - (outcome.rank == 1), 1) if lost else none
    )
    shares["with_text"] = (float(bool(outcome.heard.text)), 1)
    shares["with_hits"] = (float(bool(outcome.heard.hits)), 1)
    return shares


def _rank_shares(prefix: str, rank: int | None) -> dict[str, Share]:
    known = float(rank is not None)
    place = rank or np.inf
    return {
        f"{prefix}recall_at_1": (float(place <= 1), known),
        f"{prefix}recall_at_5": (float(place <= 5), known),
        f"{prefix}mrr_at_10": (1 / place if place <= MRR_DEPTH else 0.0, known),
    }


def _sum_by(counts: npt.NDArray[np.float64], groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """[rows, measures, 2] summed to [groups, measures, 2]."""
    names, owner = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), *counts.shape[1:]))
    np.add.at(sums, owner, counts)
    return sums


def _interval(
    per_speaker: npt.NDArray[np.float64], bootstrap: Bootstrap
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """2.5 and 97.5 % of the measures over resampled speakers; NaN where there are too few."""
    speakers, measures, _ = per_speaker.shape
    if speakers < 2:
        return np.full(measures, np.nan), np.full(measures, np.nan)
    random = np.random.default_rng(bootstrap.seed)
    weights = random.multinomial(speakers, np.full(speakers, 1 / speakers), bootstrap.resamples)
    drawn = _ratio(np.tensordot(weights, per_speaker, 1))
    known = np.isfinite(drawn).any(axis=0)
    low, high = np.full((2, measures), np.nan)
    low[known], high[known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return low, high


def _ratio(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[..., measures, 2] to [..., measures]; NaN where nothing was counted."""
    ratio = np.full(counts.shape[:-1], np.nan)
    np.divide(counts[..., 0], counts[..., 1], out=ratio, where=counts[..., 1] > 0)
    return ratio


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
