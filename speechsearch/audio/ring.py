"""The last few seconds of sound, addressed by position on the session's time line."""

from __future__ import annotations

import numpy as np

from speechsearch.types import Audio, Chunk


class Ring:
    """Keeps the newest ``capacity_samples`` of a gapless stream.

    >>> ring = Ring(4)
    >>> ring.append(np.arange(6, dtype=np.float32))
    >>> ring.first_sample, ring.end_sample
    (2, 6)
    >>> ring.read(3, 5).samples.tolist()
    [3.0, 4.0]
    """

    def __init__(self, capacity_samples: int) -> None:
        self._buffer: Audio = np.zeros(capacity_samples, np.float32)
        self.end_sample = 0

    @property
    def first_sample(self) -> int:
        """Position of the oldest sample that is still here."""
        return max(0, self.end_sample - len(self._buffer))

    def append(self, samples: Audio) -> None:
        """Add sound at ``end_sample``; what no longer fits is forgotten, oldest first."""
        kept = samples[-len(self._buffer) :]
        first = self.end_sample + len(samples) - len(kept)
        self._buffer[np.arange(first, first + len(kept)) % len(self._buffer)] = kept
        self.end_sample += len(samples)

    def read(self, start_sample: int, end_sample: int) -> Chunk:
        """A copy of [start, end); raises ValueError where part of it is not here."""
        if not self.first_sample <= start_sample <= end_sample <= self.end_sample:
            raise ValueError(
                f"the ring holds {self.first_sample}..{self.end_sample}, "
                f"not {start_sample}..{end_sample}"
            )
        where = np.arange(start_sample, end_sample) % len(self._buffer)
        return Chunk(self._buffer[where], start_sample)
