"""Titles scored against the sound itself: the best CTC alignment of each, whole or in part.

Max-product (Viterbi) over the states of CTC (Graves et al. 2006): a letter may follow itself, a
blank, or another letter; here against a filler, the best letter of each frame, so that what is
aligned costs ``lp[letter] - max(lp)`` a frame, and a perfect match nothing. Alignment is local, as
Smith and Waterman (1981) align sequences:

- sound before and after the title is skipped, at a price for each letter the model heard in it,
  as far as it was sure of it
- the title's head or tail may be missing (a pause may have cut it off), at a price for each letter
  up to a cap, and a little more inside a word

so that the title which explains the whole utterance wins, and the longer part of a long title wins
over a short one that happens to fit somewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.search.alignment import NEVER, Floats, align
from speechsearch.types import LogProbs


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """Prices in nats; chosen on non-native phrases, read sentences, and halves of them cut at
    pauses, where a cap on missing letters bought both whole and cut ones.
    """

    skip_nats: float = 6.0
    """For each letter heard outside the title"""
    miss_nats: float = 1.0
    """For each letter of the title that is missing at its head or tail"""
    most_miss_nats: float = 8.0
    """For all missing letters at one end together"""
    cut_nats: float = 1.0
    """For a missing end between two words"""
    cut_word_nats: float = 3.0
    """For a missing end inside a word"""
    worst_nats: float = 12.0
    """No frame costs more: one bad frame must not rule a title out"""
    sure_blank: float = 0.98
    """Frames of blank at least so sure are heard once in a row"""
    prior_letters: float = 2.0
    """Letters of silence added to every utterance, so that short ones fit less easily"""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """What titles are scored against."""

    log_probs: LogProbs
    """[frames, letters]"""
    blank: int = 0
    """Column of the blank"""
    free_letters: int = 0
    """Letters heard at the start that cost nothing to skip: a carrier phrase"""


@dataclass(frozen=True, slots=True, eq=False)
class Spellings:
    """Spellings end to end, one state a letter: what the scorer walks over. All [letters] but
    ``starts`` [spellings + 1].
    """

    letters: npt.NDArray[np.uint16]
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

    def part(self, numbers: npt.NDArray[np.int64]) -> Spellings:
        """Only the spellings with these numbers, in this order."""
        lengths = self.starts[numbers + 1] - self.starts[numbers]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        shift = np.repeat(self.starts[numbers] - starts[:-1], lengths)
        where = np.arange(starts[-1]) + shift
        return Spellings(
            self.letters[where], starts, self.after_blank[where], self.after_letter[where],
            self.enter[where], self.leave[where],
        )  # fmt: skip


def pack(
    spellings: Sequence[str], vocabulary: Mapping[str, int], options: SoundOptions
) -> Spellings:
    """Spellings of lower-case letters and single spaces; letters the model lacks are left out.

    ``vocabulary`` maps letters, of either case, and the space to columns of the log-probs.
    """
    columns = {letter.lower(): column for letter, column in vocabulary.items()}
    space_column = columns.get(" ", -1)
    texts = ["".join(c for c in spelling if c in columns) for spelling in spellings]
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    joined = "".join(texts)
    letters = np.fromiter((columns[c] for c in joined), np.uint16, len(joined))
    space = letters == space_column
    before = np.arange(len(joined)) - np.repeat(starts[:-1], lengths)
    behind = np.repeat(lengths, lengths) - 1 - before
    first, last = before == 0, behind == 0
    repeated = np.concatenate([[False], letters[1:] == letters[:-1]])[: len(letters)]
    return Spellings(
        letters=letters,
        starts=starts,
        after_blank=np.where(first, NEVER, np.float32(0)),
        after_letter=np.where(first | repeated, NEVER, np.float32(0)),
        enter=np.where(first, np.float32(0), -_missing(before, np.roll(space, 1), options)),
        leave=np.where(last, np.float32(0), -_missing(behind, np.roll(space, -1), options)),
    )


def greedy_letters(log_probs: LogProbs, blank: int) -> npt.NDArray[np.int64]:
    """Columns of the letters heard, repeats and blanks folded."""
    best: npt.NDArray[np.int64] = log_probs.argmax(axis=1)
    letters: npt.NDArray[np.int64] = best[_onsets(best, blank)]
    return letters


def fits(sound: Sound, spellings: Spellings, options: SoundOptions) -> Floats:
    """How much of the utterance each spelling explains: float32 [spellings], 0..1.

    1: every letter heard is the title's and the other way round; 0: it explains nothing. Costs
    about frames times letters of all spellings.
    """
    blank = sound.blank
    evidence, heard = _evidence(sound.log_probs, blank, options)
    if not len(spellings.letters) or not len(evidence):
        return np.zeros(len(spellings), np.float32)
    heard[np.flatnonzero(heard)[: sound.free_letters]] = 0
    prices = heard * np.float32(options.skip_nats)
    skipped = np.cumsum(prices, dtype=np.float32)
    ends = np.full(len(spellings.letters), NEVER, np.float32)
    skips = (skipped - prices, skipped[-1] - skipped)
    states = (spellings.letters, spellings.after_blank, spellings.after_letter, spellings.enter)
    align(evidence, skips, blank, states, ends)
    spoken = np.diff(spellings.starts) > 0
    best = np.full(len(spellings), NEVER)
    best[spoken] = np.maximum.reduceat(ends + spellings.leave, spellings.starts[:-1][spoken])
    whole = skipped[-1] + options.skip_nats * options.prior_letters
    explained: Floats = np.clip(
        1 + (best - options.skip_nats * options.prior_letters) / whole, 0, 1
    )
    return explained.astype(np.float32)


def _missing(
    letters: npt.NDArray[np.int64], at_word: npt.NDArray[np.bool_], o: SoundOptions
) -> Floats:
    """The price of so many letters missing, the cut between words or inside one."""
    price = np.minimum(o.miss_nats * letters, o.most_miss_nats)
    priced: Floats = price + np.where(at_word, o.cut_nats, o.cut_word_nats)
    return priced.astype(np.float32)


def _evidence(log_probs: LogProbs, blank: int, options: SoundOptions) -> tuple[Floats, Floats]:
    """Frames against the filler, sure blanks in a row folded, and the letters heard in each.

    A letter counts as much as the model is sure of it, so that what it hears in noise, many letters
    and none for certain, is little to explain.
    """
    sure = log_probs[:, blank] >= np.log(options.sure_blank)
    kept = log_probs[~(sure & np.concatenate([[False], sure[:-1]]))]
    top = kept.max(axis=1, keepdims=True)
    evidence = np.maximum(kept - top, -options.worst_nats)
    heard = _onsets(kept.argmax(axis=1), blank) * np.exp(top[:, 0])
    return np.ascontiguousarray(evidence, np.float32), heard.astype(np.float32)


def _onsets(best: npt.NDArray[np.int64], blank: int) -> npt.NDArray[np.bool_]:
    """Frames in which a new letter is heard."""
    onsets: npt.NDArray[np.bool_] = best != blank
    onsets[1:] &= best[1:] != best[:-1]
    return onsets
