"""Is what a pause cut joined again, and do two queries stay two? Decided as the server decides."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endpoint_pairs import Pair

from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.types import Utterance, ms_to_samples
from speechsearch.wire.server_session import PRE_ROLL_SAMPLES

JOINED, APART = "joined", "apart"
UNHEARD = "second part unheard"
"""Taken for noise: the first answer stands as if nothing had followed"""
NO_FIRST = "first part unheard"
"""Taken for noise: the second part is answered alone"""


@dataclass(frozen=True)
class Verdict:
    """What was decided about a pair, and whether its speaker is one the rule was fitted on."""

    pair: Pair
    outcome: str
    fitted: bool

    @property
    def right(self) -> bool:
        """Whether a sentence was joined, and nothing else."""
        joined = self.outcome == JOINED
        return joined if self.pair.truth == "one" else not joined


def is_fitted(speaker: str) -> bool:
    """Whether what is chosen is chosen on a speaker: about half, the others tell its worth."""
    return hashlib.blake2b(Path(speaker).name.encode(), digest_size=1).digest()[0] % 2 == 0


def heard_in_turn(pair: Pair, pipeline: Pipeline) -> Spoken:
    """The second part of a pair as it comes to the pipeline, after the first was answered."""
    gap = pair.onset - pair.first_end
    decided = pair.first_end + min(gap, ms_to_samples(pipeline.options.turns.usual_ms))
    said = Utterance(1, pair.samples[:decided], 0)
    first = pipeline.answer(Spoken(said, pair.first_end))
    lead = max(0, pair.onset - PRE_ROLL_SAMPLES - decided)
    second = Utterance(2, pair.samples[decided:], decided, lead)
    return Spoken(second, pair.second_end, Answered(said, first.result))


def outcome(pair: Pair, pipeline: Pipeline) -> str:
    """What the pipeline makes of a pair."""
    spoken = heard_in_turn(pair, pipeline)
    result = pipeline.answer(spoken).result
    if result.continues is not None:
        return JOINED
    if not result.text:
        return UNHEARD
    return APART if spoken.before and spoken.before.result.text else NO_FIRST


def decide_all(
    pairs: Sequence[Pair], pipeline: Pipeline, progress: Callable[[str], None]
) -> list[Verdict]:
    """A verdict for each pair."""
    found = []
    for place, pair in enumerate(pairs, 1):
        progress(f"{place}/{len(pairs)} pairs")
        found.append(Verdict(pair, outcome(pair, pipeline), is_fitted(pair.speaker)))
    return found


def cell(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """How a kind of pair was decided."""
    right = sum(verdict.right for verdict in verdicts)
    return {
        "n": len(verdicts),
        "right": round(right / len(verdicts), 4),
        "right_95": wilson(right, len(verdicts)),
        **Counter(verdict.outcome for verdict in verdicts),
    }


def confusion(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """A cell for each truth, table, kind and half of the speakers; "all" where they are pooled."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        pair, half = verdict.pair, "fitted" if verdict.fitted else "held out"
        for key in {
            (pair.truth, table, kind, side)
            for table in ("all", pair.table)
            for kind in ("all", pair.kind)
            for side in ("all", half)
        }:
            groups.setdefault(key, []).append(verdict)
    names = ("truth", "table", "kind", "speakers")
    return [
        {**dict(zip(names, key, strict=True)), **cell(found)}
        for key, found in sorted(groups.items())
    ]


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share, more = right / n, z * z / n
    middle = (share + more / 2) / (1 + more)
    spread = z / (1 + more) * math.sqrt(share * (1 - share) / n + more / (4 * n))
    return round(max(0.0, middle - spread), 4), round(min(1.0, middle + spread), 4)
