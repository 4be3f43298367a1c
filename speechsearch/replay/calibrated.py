"""How each detector does over some replays: false alerts, delays, and a line that draws both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speechsearch.monitoring.alone import DETECTORS
from speechsearch.replay.run import Replayed

TOGETHER = "all together"
"""The monitor, which needs all of them: not a detector but what alarms are raised by"""
CELLS = 30
"""Characters of a line, the change not counted"""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One detector over some replays; alerts count, warnings do not."""

    detector: str
    replays: int
    false: tuple[int, ...]
    """Of replays with an alert before the change: where the first was, counted from it"""
    delays: tuple[int, ...]
    """Of replays with an alert after it: where the first was"""
    line: str
    """``·····1··|··24··``: in how many replays the first alert, on either side, was there"""


def calibrated(replays: Sequence[Replayed]) -> list[Calibrated]:
    """The monitor first, then its detectors; ``replays`` of the same lengths."""
    found = [_of(TOGETHER, replays, [_together(one) for one in replays])]
    for detector in DETECTORS:
        found.append(_of(detector, replays, [_alone(one, detector) for one in replays]))
    return found


def _together(replayed: Replayed) -> list[int]:
    return [one.at for one in replayed.alarms if one.severity == "alert"]


def _alone(replayed: Replayed, detector: str) -> list[int]:
    return [
        one.at for one in replayed.detectors if one.detector == detector and one.severity == "alert"
    ]


def _of(detector: str, replays: Sequence[Replayed], alerts: Sequence[Sequence[int]]) -> Calibrated:
    change = replays[0].n_before
    places = [[at - 1 - change for at in one] for one in alerts]
    false = _first([at for at in one if at < 0] for one in places)
    delays = _first([at for at in one if at >= 0] for one in places)
    line = _line(false, delays, change, replays[0].n_after)
    return Calibrated(detector, len(replays), false, delays, line)


def _first(places: Iterable[Sequence[int]]) -> tuple[int, ...]:
    return tuple(min(one) for one in places if one)


def _line(false: Sequence[int], delays: Sequence[int], before: int, after: int) -> str:
    each = max(1, -(-(before + after) // CELLS))
    counts = [0] * (-(-before // each)), [0] * (-(-after // each))
    for place in false:
        counts[0][len(counts[0]) + place // each] += 1
    for place in delays:
        counts[1][place // each] += 1
    return "|".join("".join(_mark(count) for count in side) for side in counts)


def _mark(count: int) -> str:
    return "·" if count == 0 else str(count) if count < 10 else "#"
