"""An evaluation as one report: measures of all recordings and of slices, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speechsearch.asr.wer import count_errors
from speechsearch.learning.heard import Expected, Heard, rank_of
from speechsearch.learning.measures import Bootstrap, Outcome, figures
from speechsearch.learning.slices import sliced, worst
from speechsearch.learning.table import Recording
from speechsearch.types import Hit


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of a table."""

    outcomes: Sequence[Outcome]
    """At least one, in the table's order"""
    failed: Mapping[str, str]
    """Recordings that could not be read, and why; they are in no figure"""
    about: Mapping[str, Any]
    """What was evaluated: table, index, options"""


def outcome_of(
    recording: Recording,
    seconds: float,
    heard: Heard,
    typed: Sequence[Hit] | None,
    expected: Expected,
) -> Outcome:
    """Compare what was heard and found with what was said.

    ``typed`` are the hits of its transcript, None where that was not typed.
    """
    said, right = recording.transcript, expected.of(recording)
    return Outcome(
        recording=recording,
        seconds=seconds,
        heard=heard,
        errors=count_errors(said, heard.text) if said else None,
        right=right,
        rank=rank_of(heard.hits, right),
        typed_rank=None if typed is None else rank_of(typed, right),
    )


def report_of(
    evaluation: Evaluation, columns: Sequence[str], bootstrap: Bootstrap
) -> dict[str, Any]:
    """The report as it is written to JSON: the figures of all at its top, those of slices below.

    Raises TableError where one of ``columns`` is not there.
    """
    whole = figures(evaluation.outcomes, bootstrap)
    slices = sliced(evaluation.outcomes, columns, bootstrap)
    return {
        **evaluation.about,
        "failed": dict(evaluation.failed),
        **whole,
        "worst_slices": [
            {"column": one.column, "value": one.value, **one.figures}
            for one in worst(slices, whole)
        ],
        "slices": slices,
        "recordings": [_recording(outcome) for outcome in evaluation.outcomes],
    }


def mistakes(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Recordings that went wrong, worst first: not found, found low, misheard."""
    wrong = [one for one in report["recordings"] if one["error"] or _lost(one) or one["wer"]]
    return sorted(wrong, key=lambda one: (-_lost(one), -(one["wer"] or 0), one["path"]))


def _lost(one: Mapping[str, Any]) -> float:
    """0 for a right entry on top or none known, up to 1 for one that is not among the hits."""
    rank = one["rank"]
    if rank is None:
        return 0.0
    return 1 - 1 / rank if rank else 1.0


def _recording(outcome: Outcome) -> dict[str, Any]:
    errors, heard = outcome.errors, outcome.heard
    return {
        "path": outcome.recording.name,
        "seconds": round(outcome.seconds, 2),
        "transcript": outcome.recording.transcript,
        "text": heard.text,
        "wer": round(errors.wer, 4) if errors else None,
        "cer": round(errors.cer, 4) if errors else None,
        "right": sorted(outcome.right),
        "rank": outcome.rank,
        "typed_rank": outcome.typed_rank,
        "hits": [
            {"id": hit.id, "title": hit.title, "score": round(hit.score, 4)} for hit in heard.hits
        ],
        "timings_ms": [dict(ms) for ms in heard.timings_ms],
        "error": heard.error or None,
        "columns": dict(outcome.recording.columns),
    }
