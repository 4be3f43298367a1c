"""Long audio in overlapping pieces on the frame grid, so that stitched frames equal the whole's."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

CONTEXT_SHARE = 1 / 15
"""Context on each side as a share of the longest piece: 2 s of 30 s, beyond which the positional
convolution (±0.65 s at 64 taps) hears nothing and attention hardly looks."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames ``first_frame`` to ``end_frame`` are heard, those in ``keep`` (relative) are kept."""

    first_frame: int
    end_frame: int
    keep: slice

    @property
    def heard(self) -> slice:
        """The frames heard."""
        return slice(self.first_frame, self.end_frame)


def pieces(frames: int, longest: int) -> list[Piece]:
    """Equal shares of ``frames`` with context on both sides, none over ``longest`` frames."""
    if frames <= longest:
        return [Piece(0, frames, slice(0, frames))]
    context = int(longest * CONTEXT_SHARE)
    count = -(-frames // (longest - 2 * context))
    bounds = [i * frames // count for i in range(count + 1)]
    plan = []
    for start, end in itertools.pairwise(bounds):
        first = max(0, start - context)
        plan.append(Piece(first, min(frames, end + context), slice(start - first, end - first)))
    return plan
