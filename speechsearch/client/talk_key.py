"""A key to talk with, in a terminal that only says what was pressed, never what was let go.

A key that is held repeats, some hundred milliseconds after the press and then steadily: its silence
is the release. A key that is only tapped does not repeat: then talking goes on until the next tap.
"""

from __future__ import annotations

FIRST_REPEAT_S = 0.8
"""Keyboards begin to repeat after 0.25 (console) to 0.66 s (X11)"""
REPEAT_S = 0.25
"""Once it repeats, every 30 to 120 ms, a longer silence means it was let go"""
STALL_S = 0.1
"""A longer step is a stalled program, which has not read the repeats yet: it counts for so much"""


class TalkKey:
    """Tell it each press and, now and then, the time; ``talking`` is whether the person talks.

    >>> key = TalkKey()
    >>> key.press(0.0), key.passed(5.0), key.talking  # a tap: talking goes on
    (None, None, True)
    >>> key.press(6.0), key.talking  # the next tap ends it
    (None, False)
    """

    def __init__(self) -> None:
        self.talking = False
        self._began_s = 0.0
        self._pressed_s = float("-inf")
        self._repeats = False
        self._passed_s = 0.0
        self._quiet_s = 0.0

    @property
    def pressed_s(self) -> float:
        """The last press or repeat: once talking has ended, about when the key was let go."""
        return self._pressed_s

    def press(self, now_s: float) -> None:
        """The key was pressed, or repeated itself."""
        since_s, self._pressed_s = now_s - self._pressed_s, now_s
        self._quiet_s = 0.0
        if self.talking:
            if self._repeats or now_s - self._began_s < FIRST_REPEAT_S:
                self._repeats = True
            else:
                self.talking = False
        elif since_s > REPEAT_S:
            self.talking, self._repeats, self._began_s = True, False, now_s

    def passed(self, now_s: float) -> None:
        """See whether a key that was held was let go; call it often."""
        self._quiet_s += min(now_s - self._passed_s, STALL_S)
        self._passed_s = now_s
        if self.talking and self._repeats and self._quiet_s > REPEAT_S:
            self.talking = False
