"""Titles inside what was said: for an utterance that no title explains as a whole.

"Could I perhaps have a large latte with oat milk" holds three entries of a menu, and none of them
is the sentence. Here the sound around a title is skipped for little, but the title has to be there
from its first letter to its last (keyword spotting against a filler: Rohlicek et al. 1989). What a
title gains over skipping its part of the sound as well is the evidence that it was said.

Hits are chosen so that they do not tell one thing five times: first the best of each stretch of the
sound, then what else there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from speechsearch.asr.compiled import compiled
from speechsearch.search.alignment import NEVER
from speechsearch.search.shortlist import Numbers
from speechsearch.search.sound import Evidence, SoundOptions, States


@dataclass(frozen=True, slots=True)
class SpottingOptions:
    """What a title inside an utterance is worth.

    Prices were chosen on half of 324 spoken orders, whose keywords were hidden among 10,000 book
    titles. What the best of many titles gains by chance grows with the logarithm of what there is
    to find it in, sound times titles (Karlin and Altschul 1990): the confidence is a logistic
    regression on gain and logarithm, fitted on the orders and on sentences that have nothing to do
    with the titles, 500 to 10,000 of them.
    """

    skip_nats: float = 1.3
    """For each letter heard outside the title"""
    of_gain: float = 0.465
    of_chances: float = -0.395
    offset: float = -0.486
    least_confidence: float = 0.4
    """A best title less likely than this to have been said is no answer"""
    least_gain_nats: float = 4.0
    """Of each further title"""
    apart: int = 5
    """So many titles are taken from different stretches of the sound first"""
    most_overlap: float = 0.5
    """Two titles that share more of the frames of the second tell the same"""

    def sound(self, options: SoundOptions) -> SoundOptions:
        """``options`` with the prices of spotting: what comes before a title is no carrier."""
        return replace(options, skip_nats=self.skip_nats, carrier_nats=float(-NEVER))


def whole_titles(states: States) -> States:
    """The same forms, none of them cut at an end."""
    return replace(
        states,
        enter=np.where(states.enter < 0, NEVER, states.enter),
        leave=np.where(states.leave < 0, NEVER, states.leave),
    )


def likelihood(gain: float, chances: float, options: SpottingOptions) -> float:
    """Probability that a title was said which gains so many nats over skipping it: 0..1.

    ``chances``: the price of skipping all the sound in nats, times the number of titles.
    """
    chance = options.of_chances * np.log(max(chances, 1.0))
    odds = options.offset + options.of_gain * max(gain, 0.0) + chance
    return float(1 / (1 + np.exp(-odds)))


def places(sound: Evidence, states: States) -> Numbers:
    """First and end frame of each form on its best path: int64 [forms, 2]."""
    found = np.zeros((len(states), 2), np.int64)
    walked = (states.letters, states.starts, states.after_letter)
    _place(sound.frames, (sound.before, sound.after), sound.blank, walked, found)
    return found


def in_turn(spans: Numbers, frames: int, options: SpottingOptions) -> Sequence[int]:
    """In which order titles with these ``spans`` [titles, 2], best first, are shown."""
    taken = np.zeros(frames, bool)
    ahead: list[int] = []
    for title, (first, end) in enumerate(spans):
        if len(ahead) == options.apart:
            break
        if taken[first:end].mean() <= options.most_overlap:
            taken[first:end] = True
            ahead.append(title)
    return [*ahead, *(title for title in range(len(spans)) if title not in ahead)]


@compiled
def _place(frames, skips, blank, states, found):  # type: ignore[no-untyped-def]
    """Best path of each form as in ``alignment``; where it began travels along with its score."""
    before, after = skips
    letters, starts, after_letter = states
    for form in range(len(found)):
        low, size = starts[form], starts[form + 1] - starts[form]
        letter, pause = np.full(size + 1, NEVER), np.full(size + 1, NEVER)
        began, paused = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
        best = NEVER
        for frame in range(len(frames)):
            row = frames[frame]
            for s in range(size, 0, -1):
                score, start = letter[s], began[s]
                if s == 1 and -before[frame] > score:
                    score, start = -before[frame], frame
                if pause[s - 1] > score:
                    score, start = pause[s - 1], paused[s - 1]
                if letter[s - 1] + after_letter[low + s - 1] > score:
                    score, start = letter[s - 1] + after_letter[low + s - 1], began[s - 1]
                if letter[s] > pause[s]:
                    pause[s], paused[s] = letter[s], began[s]
                pause[s] += row[blank]
                letter[s], began[s] = score + row[letters[low + s - 1]], start
            if letter[size] - after[frame] > best:
                best = letter[size] - after[frame]
                found[form, 0], found[form, 1] = began[size], frame + 1
