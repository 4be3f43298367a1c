"""From log-probs to the likeliest texts: n-best, with word times and confidences.

A text is worth what the audio says for it (``prefixes.search``) and, where they are there, what a
language model says of its words and what phrases at hand add (shallow fusion), all in nats:

    score = log p(text | audio) + model_weight * log p(words) + word_nats * words + boosts
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechsearch.asr.bias import Bias, build_bias
from speechsearch.asr.fusion import Sources, close
from speechsearch.asr.lexicon import build_lexicon
from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.asr.ngram import BEGIN, END, UNKNOWN, Grams, NGram, assemble
from speechsearch.asr.prefixes import Alphabet, Limits, add, search
from speechsearch.asr.spans import spans
from speechsearch.types import Hypothesis, LogProbs, Word

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BeamOptions:
    """What is followed, and what words and phrases count for."""

    prefixes: int = 24
    behind_nats: float = 14.0
    """A prefix so far behind the best is dropped"""
    letter_nats: float = 7.0
    """A letter so far behind the best of its frame begins no prefix"""
    readings: int = 5
    """At most so many texts come back"""
    model_weight: float = 0.5
    word_nats: float = 1.0
    unknown_letter_nats: float = -2.0
    """For each letter of a word that the language model does not know"""
    boost_nats: float = 0.6
    """For each letter of a phrase. These four were chosen on 300 recordings of ``train.tsv`` with
    noise at 3 and 10 dB, at which the model hears as badly as it hears strangers, and on 50 phrases
    an utterance: more boost gains little for phrases and harms speech that has nothing to do with
    them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that the audio may say."""

    hypothesis: Hypothesis
    log_prob: float
    """log p(text | audio): the sum over all paths that the beam kept"""
    score: float
    """That with what language model and phrases add; the order of the n-best"""
    share: float
    """Of the n-best's probability by score, 0..1; they sum to 1"""


class BeamDecoder:
    """Reads log-probs of one acoustic model; one instance serves several threads.

    ``model`` None: the audio alone. ``names`` are words that the language model may lack and that
    occur here, such as those of a catalogue. Raises ``ModelError`` for more than 64 letters.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        timing: FrameTiming,
        model: NGram | None = None,
        names: Iterable[str] = (),
        options: BeamOptions | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._timing = timing
        self._options = o = options or BeamOptions()
        shown = [i for i in range(len(vocabulary.letters)) if i not in vocabulary.hidden_ids]
        self._alphabet = Alphabet(
            np.array(shown, np.int64), vocabulary.blank_id, vocabulary.delimiter_id
        )
        self._columns = {vocabulary.letters[i]: i for i in shown if i != vocabulary.delimiter_id}
        self._limits = Limits(o.prefixes, o.behind_nats, o.letter_nats)
        self._model = model
        known = model or _wordless()
        self._sources = Sources(
            model=known.nodes,
            lexicon=build_lexicon(known, self._columns if model else {}, names if model else ()),
            bias=self.bias(()),
            start=known.start,
            unknown=known.ids[UNKNOWN],
            end=known.ids[END],
            model_weight=o.model_weight if model else 0.0,
            word_nats=o.word_nats if model else 0.0,
            letter_nats=o.unknown_letter_nats,
            boost_nats=o.boost_nats,
        )

    def bias(self, phrases: Sequence[str]) -> Bias:
        """What ``decode`` takes: phrases in lower-case words, letters as they are spoken."""
        return build_bias(phrases, self._columns, self._vocabulary.delimiter_id)

    def decode(
        self, log_probs: LogProbs, offset_s: float = 0.0, bias: Bias | None = None
    ) -> tuple[Reading, ...]:
        """The likeliest texts of an utterance, best first, at least one (that may be empty).

        ``log_probs`` [frames, letters]; ``offset_s`` is where the audio begins on the session's
        time line. Word confidence: geometric mean of the highest posterior of each letter on its
        frames of the text's best path.
        """
        sources = self._sources if bias is None else self._sources._replace(bias=bias)
        nodes, kept, paths = search(log_probs, self._alphabet, sources, self._limits)
        worth = close(nodes, kept, sources, self._alphabet.delimiter)
        texts: dict[tuple[int, ...], tuple[float, float]] = {}
        for node, path, more in zip(kept, paths, worth, strict=True):
            spelt = _spelt(nodes, node, self._alphabet.delimiter)
            texts[spelt] = add(texts.get(spelt, (-math.inf, 0.0))[0], path), more
        best = sorted(texts.items(), key=lambda item: -sum(item[1]))[: self._options.readings]
        scores = np.array([path + more for _, (path, more) in best])
        shares = np.exp(scores - scores.max())
        return tuple(
            Reading(self._hypothesis(log_probs, spelt, offset_s), path, float(score), float(share))
            for (spelt, (path, _)), score, share in zip(
                best, scores, shares / shares.sum(), strict=True
            )
        )

    def apart_nats(self, first: Sequence[str], second: Sequence[str]) -> float | None:
        """By how many nats the words are likelier as two sentences than as one.

        None without a language model.
        """
        if self._model is None:
            return None
        apart = self._model.sentence(first) + self._model.sentence(second)
        return apart - self._model.sentence([*first, *second])

    def warm_up(self) -> None:
        """Compile the loops."""
        letters = len(self._vocabulary.letters)
        self.decode(np.full((4, letters), -math.log(letters), np.float32), bias=self.bias(["a"]))

    def _hypothesis(
        self, log_probs: LogProbs, spelt: tuple[int, ...], offset_s: float
    ) -> Hypothesis:
        letters = np.array(spelt, np.int64)
        delimiter = self._alphabet.delimiter
        first, end = spans(log_probs, letters, self._alphabet.blank, delimiter)
        heard = np.array(
            [log_probs[a:b, c].max() for a, b, c in zip(first, end, letters, strict=True)]
        )
        words = tuple(
            Word(
                word="".join(self._vocabulary.letters[c] for c in letters[where]).lower(),
                start_s=offset_s + self._timing.start_s(int(first[where[0]])),
                end_s=offset_s + self._timing.start_s(int(end[where[-1]])),
                confidence=_mean(heard[where]),
            )
            for where in _words(letters, delimiter)
        )
        return Hypothesis(
            text=" ".join(word.word for word in words),
            confidence=_mean(heard[letters != delimiter]),
            words=words,
        )


def _spelt(nodes: npt.NDArray[np.void], node: int, delimiter: int) -> tuple[int, ...]:
    """The columns of a prefix, without a delimiter at its end."""
    letters: list[int] = []
    while nodes[node]["parent"] >= 0:
        letters.append(int(nodes[node]["letter"]))
        node = nodes[node]["parent"]
    return tuple(reversed(letters[1:] if letters[:1] == [delimiter] else letters))


def _words(letters: Ints, delimiter: int) -> list[Ints]:
    """Where the letters of each word are."""
    places = itertools.groupby(range(len(letters)), key=lambda i: letters[i] == delimiter)
    return [np.array(list(run), np.int64) for is_gap, run in places if not is_gap]


def _mean(log_probs: npt.NDArray[np.float64]) -> float:
    """Geometric mean of probabilities; 0 of none."""
    return min(1.0, math.exp(log_probs.mean())) if len(log_probs) else 0.0


def _wordless() -> NGram:
    """A model that knows no word."""
    return assemble(
        (UNKNOWN, BEGIN, END),
        [Grams(np.arange(3)[:, None], np.zeros(3, np.float32), np.zeros(3, np.float32))],
    )
