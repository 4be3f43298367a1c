"""Sound that never arrived, found by the clock: a device delivers as many samples as time passes.

Late blocks are no gap: what a stalled program did not fetch mostly comes in a burst afterwards, so
only the most punctual block of each second counts. Clocks of devices run fast or slow by some
hundred parts per million, so the reference follows, a second at a time.
"""

from __future__ import annotations

WINDOW_S = 1.0
MIN_GAP_S = 0.15
"""Shorter than any word, longer than a block and a busy machine are late"""


class GapFinder:
    """Feed it every block of one stream; it says how much was missed, soon after it was.

    >>> gaps = GapFinder()
    >>> found = [gaps.block(1.0, heard_at_s) for heard_at_s in (1.0, 2.0, 3.0, 6.5, 7.5, 8.5)]
    >>> [missed_s for missed_s in found if missed_s]
    [2.5]
    """

    def __init__(self) -> None:
        self._position_s = 0.0
        self._lateness_s: float | None = None
        self._window: tuple[float, float] | None = None  # its beginning, its most punctual block

    def block(self, length_s: float, heard_at_s: float) -> float:
        """Seconds missed since the last gap that was said, 0.0 while none are."""
        self._position_s += length_s
        late_s = heard_at_s - self._position_s
        began_s, punctual_s = self._window or (heard_at_s, late_s)
        if heard_at_s - began_s < WINDOW_S:
            self._window = (began_s, min(punctual_s, late_s))
            return 0.0
        self._window = (heard_at_s, late_s)
        before_s, self._lateness_s = self._lateness_s, punctual_s
        if before_s is None or punctual_s - before_s < MIN_GAP_S:
            return 0.0
        return punctual_s - before_s
