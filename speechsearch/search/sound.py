"""Titles scored against the sound itself: how likely each makes what was heard, whole or in part.

CTC over the letters of a title (Graves et al. 2006): a letter may follow itself, a blank, or
another letter; here against a filler, the best letter of each frame, so that what is aligned costs
``lp[letter] - max(lp)`` a frame, and a perfect match nothing. Alignment is local, as Smith and
Waterman (1981) align sequences:

- sound before and after the title is skipped, at a price for each letter the model heard in it,
  as far as it was sure of it
- the title's head or tail may be missing (a pause may have cut it off), at a price for each letter
  up to a cap, and a little more inside a word

so that the title which explains the whole utterance wins, and the longer part of a long title wins
over a short one that happens to fit somewhere. The best path is cheap and finds the candidates; the
sum over all paths orders them, as a title that is misheard in many ways is still heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.search.alignment import NEVER, Floats, align
from speechsearch.search.carrier import skip_prices
from speechsearch.search.forms import Forms
from speechsearch.search.likelihood import add_paths
from speechsearch.search.triples import SPACE
from speechsearch.types import LogProbs


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """Prices in nats; chosen on non-native phrases, whole and cut at pauses. The two that matter,
    ``scale`` and ``blank_discount_nats``, have a wide plateau: the same for each half of the
    speakers.
    """

    scale: float = 0.5
    """Of the evidence against the prices: neighbouring frames hear the same and are no independent
    witnesses"""
    blank_discount_nats: float = 1.5
    """Taken off the blank, of which a CTC model is too sure"""
    skip_nats: float = 6.0
    """For each letter heard outside the title"""
    carrier_nats: float = 3.0
    """For a carrier phrase, beside what its sound costs"""
    miss_nats: float = 0.5
    """For each letter of the title that is missing at its head or tail"""
    most_miss_nats: float = 6.0
    """For all missing letters at one end together"""
    cut_nats: float = 0.5
    """For a missing end between two words"""
    cut_word_nats: float = 2.0
    """For a missing end inside a word"""
    worst_nats: float = 20.0
    """No frame costs more: one bad frame must not rule a title out"""
    sure_blank: float = 0.98
    """Frames of blank at least so sure are heard once in a row"""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """An utterance as titles are scored against it."""

    frames: Floats
    """[frames, columns], 0 for the best of a frame"""
    before: Floats
    """Price of the sound before each frame: [frames]"""
    after: Floats
    """Price of the sound after each frame: [frames]"""
    whole: float
    """Price of all the sound, a carrier phrase apart"""
    blank: int


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """Forms end to end, one state a letter: what the scorer walks over. All [letters] but
    ``starts`` [forms + 1].
    """

    letters: npt.NDArray[np.uint16]
    """Columns of the log-probs"""
    starts: npt.NDArray[np.int64]
    after_blank: Floats
    """0, or NEVER for a first letter, which follows nothing"""
    after_letter: Floats
    """0, or NEVER for a first letter or one equal to that before it"""
    enter: Floats
    """Price of starting here, less than 0 where a head is missing"""
    leave: Floats
    """Price of ending here"""

    def __len__(self) -> int:
        return len(self.starts) - 1


def pack(forms: Forms, columns: npt.NDArray[np.int64], options: SoundOptions) -> States:
    """``columns`` [ALPHABET] is each letter's column of the log-probs; letters that the model
    lacks, -1, are left out.
    """
    letters = columns[forms.codes]
    kept = letters >= 0
    starts = np.concatenate([[0], np.cumsum(kept)])[forms.starts]
    letters, lengths = letters[kept], np.diff(starts)
    space = forms.codes[kept] == SPACE
    before = np.arange(len(letters)) - np.repeat(starts[:-1], lengths)
    behind = np.repeat(lengths, lengths) - 1 - before
    first, last = before == 0, behind == 0
    repeated = np.concatenate([[False], letters[1:] == letters[:-1]])[: len(letters)]
    free = np.float32(0)
    return States(
        letters=letters.astype(np.uint16),
        starts=starts,
        after_blank=np.where(first, NEVER, free),
        after_letter=np.where(first | repeated, NEVER, free),
        enter=np.where(first, free, -_missing(before, np.roll(space, 1), options)),
        leave=np.where(last, free, -_missing(behind, np.roll(space, -1), options)),
    )


def evidence(
    log_probs: LogProbs, blank: int, columns: npt.NDArray[np.int64], options: SoundOptions
) -> Evidence:
    """Frames against the filler, sure blanks in a row folded, and what skipping them costs.

    ``log_probs`` [frames, columns]. A letter counts as much as the model is sure of it, so that
    what it hears in noise, many letters and none for certain, is little to explain. A
    carrier phrase at the start costs little. ``columns`` as for ``pack``.
    """
    sure = log_probs[:, blank] >= np.log(options.sure_blank)
    kept = log_probs[~(sure & np.concatenate([[False], sure[:-1]]))]
    heard = _onsets(kept.argmax(axis=1), blank) * np.exp(kept.max(axis=1))
    prices = (heard * options.skip_nats).astype(np.float32)
    discounted = kept.copy()
    discounted[:, blank] -= options.blank_discount_nats
    against = discounted - discounted.max(axis=1, keepdims=True)
    frames = options.scale * np.maximum(against, -options.worst_nats)
    frames = np.ascontiguousarray(frames, np.float32)
    skipped = np.concatenate([[0], np.cumsum(prices)]).astype(np.float32)
    carried = options.carrier_nats + skip_prices(frames, prices, columns, blank)
    before = np.minimum(skipped, carried)
    after = skipped[-1] - skipped[1:]
    return Evidence(frames, before[:-1], after, float(before[-1]), blank)


def best_paths(sound: Evidence, states: States) -> Floats:
    """Score of each form's best alignment in nats, <= 0, NEVER for an empty form: float32 [forms].

    Costs about frames times letters of all forms.
    """
    ends = np.full(len(states.letters), NEVER, np.float32)
    walked = (states.letters, states.after_blank, states.after_letter, states.enter)
    align(sound.frames, (sound.before, sound.after), sound.blank, walked, ends)
    spoken = np.diff(states.starts) > 0
    best = np.full(len(states), NEVER)
    if spoken.any():
        best[spoken] = np.maximum.reduceat(ends + states.leave, states.starts[:-1][spoken])
    return best


def all_paths(sound: Evidence, states: States) -> Floats:
    """Sum over each form's alignments in nats, NEVER where there is none: float32 [forms]."""
    totals = np.full(len(states), NEVER, np.float32)
    skips = (np.exp(-sound.before.astype(float)), np.exp(-sound.after.astype(float)))
    walked = (states.letters, states.starts, states.after_letter, states.enter, states.leave)
    add_paths(np.exp(sound.frames.astype(float)), skips, sound.blank, walked, totals)
    return totals


def explained(sound: Evidence, scores: Floats) -> Floats:
    """How much of the utterance each score explains: float32 [forms], 0..1.

    1: every letter heard is the title's and the other way round; 0: it explains nothing.
    """
    shares: Floats = np.clip(1 + scores / max(sound.whole, 1e-6), 0, 1)
    return shares.astype(np.float32)


def _missing(
    letters: npt.NDArray[np.int64], at_word: npt.NDArray[np.bool_], o: SoundOptions
) -> Floats:
    """The price of so many letters missing, the cut between words or inside one."""
    price = np.minimum(o.miss_nats * letters, o.most_miss_nats)
    priced: Floats = price + np.where(at_word, o.cut_nats, o.cut_word_nats)
    return priced.astype(np.float32)


def _onsets(best: npt.NDArray[np.int64], blank: int) -> npt.NDArray[np.bool_]:
    """Frames in which a new letter is heard."""
    onsets: npt.NDArray[np.bool_] = best != blank
    onsets[1:] &= best[1:] != best[:-1]
    return onsets
