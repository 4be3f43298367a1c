"""Which entries answer an utterance: candidates by letters and words, order by sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from speechsearch.search.alignment import Floats
from speechsearch.search.candidates import Candidates, Pool
from speechsearch.search.carrier import carrier_length
from speechsearch.search.forms import Forms
from speechsearch.search.index import Index
from speechsearch.search.shortlist import Numbers
from speechsearch.search.sound import (
    Evidence,
    SoundOptions,
    all_paths,
    evidence,
    explained,
)
from speechsearch.search.spotting import SpottingOptions, in_turn, likelihood, places
from speechsearch.search.verdict import Verdict, VerdictOptions, confidence, verdict
from speechsearch.types import Hit, LogProbs


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """How candidates are found and ordered."""

    limit: int = 10
    offered: float = 0.6
    """Further hits fit at least this share of the best one."""
    text_nats: float = 1.0
    """What a full match of words is worth: decides between titles that sound alike."""
    most_cells: int = 15_000_000
    """Frames times letters scored for one utterance, about 12 ms on one core of the machine in the
    README; a larger catalogue is first cut to a shortlist."""
    most_letters: int = 600_000
    """Of a catalogue that is scored whole for a short utterance"""
    shortlist: int = 1500
    """Forms taken for their triples of letters"""
    matches: int = 100
    """Entries taken for their words"""
    finalists: int = 100
    """Forms, the best by their best path, that are compared by all their paths"""
    blank: int = 0
    """The model's blank"""
    sound: SoundOptions = field(default_factory=SoundOptions)
    spotting: SpottingOptions = field(default_factory=SpottingOptions)
    verdict: VerdictOptions = field(default_factory=VerdictOptions)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits and what they are worth."""

    hits: tuple[Hit, ...]
    """Best first; empty where the verdict is that nothing fits"""
    verdict: Verdict
    confidence: float
    """Probability that the first hit is what was asked for; 0 where there is none"""


NOTHING = Ranking((), Verdict.NOTHING, 0.0)
Shares = dict[int, float]
"""How well each entry's words match, 1 for the best: by its number"""


def query_of(texts: Iterable[str]) -> str:
    """One query of all words of the n-best readings, each once, carrier phrases left out.

    Of 275 phrases among 103,576 titles, with noise at 5 dB, 196 came out on top with the words of
    five readings, as with five queries weighted by how likely each reading is (195); 194 with
    those of the best reading, 184 with the best letter of each frame.
    """
    return " ".join(
        dict.fromkeys(word for text in texts for word in text[carrier_length(text) :].split())
    )


class Ranker:
    """Ranks the entries of one index for one acoustic model's letters.

    ``vocabulary`` maps each letter, and the space between words, to its column of the log-probs.
    """

    def __init__(
        self, index: Index, vocabulary: Mapping[str, int], options: RankingOptions | None = None
    ) -> None:
        self.index = index
        self._options = options or RankingOptions()
        self._candidates = Candidates(
            index, vocabulary, self._options.sound, self._options.most_letters
        )

    def rank(
        self,
        text: str,
        log_probs: LogProbs | None,
        limit: int | None = None,
    ) -> list[Hit]:
        """The hits of ``answer``."""
        return list(self.answer(text, log_probs, limit).hits)

    def answer(
        self,
        text: str,
        log_probs: LogProbs | None,
        limit: int | None = None,
        *,
        inside: bool = True,
    ) -> Ranking:
        """Hits, best first, and how sure they are.

        ``log_probs`` [frames, letters] of the utterance, or None for a typed query, which is
        ranked by its words alone. ``inside``: where no title is surely the whole of what was said,
        look for titles inside it too, which doubles the cost.
        """
        limit = self._options.limit if limit is None else limit
        if log_probs is None:
            return self._by_text(self._shares(text, limit, typed=True), limit)
        sound = self._evidence(log_probs)
        shares = self._shares(text, self._options.matches, typed=False)
        room = (self._options.most_cells, self._options.shortlist)
        pool = self._candidates.pool(sound, np.array(sorted(shares), np.int64), room)
        if not len(pool.forms) or not len(sound.frames):
            return NOTHING
        found = self._by_sound(sound, pool, shares, limit)
        if found.verdict is Verdict.FOUND or not inside:
            return found
        return max(found, self._spotted(log_probs, pool, limit), key=lambda it: it.confidence)

    def warm_up(self) -> None:
        """Compile the scorers, and bring the shortlist's files near."""
        silence = np.full((3, self._candidates.columns.max() + 1), -4.0, np.float32)
        sound = self._evidence(silence)
        pool = self._candidates.pool(sound, np.zeros(0, np.int64), (0, self._options.shortlist))
        states = self._candidates.pack(pool.best(sound, 1))
        all_paths(sound, states)
        places(sound, states)

    def _evidence(self, log_probs: LogProbs, prices: SoundOptions | None = None) -> Evidence:
        options = self._options
        prices = prices or options.sound
        return evidence(log_probs, options.blank, self._candidates.columns, prices)

    def _shares(self, text: str, limit: int, *, typed: bool) -> Shares:
        """Entries with words of the text."""
        matches = self.index.search(text[carrier_length(text) :], limit, typed=typed)
        return {match.number: match.score / matches[0].score for match in matches}

    def _by_text(self, shares: Shares, limit: int) -> Ranking:
        hits = tuple(self._hit(number, share, "text") for number, share in shares.items())[:limit]
        return Ranking(hits, Verdict.FOUND, 1.0) if hits else NOTHING

    def _by_sound(self, sound: Evidence, pool: Pool, shares: Shares, limit: int) -> Ranking:
        """Titles that explain what was said."""
        options = self._options
        forms = pool.best(sound, options.finalists)
        owners, heard = self._of_entries(forms, sound)
        words = np.array([shares.get(int(owner), 0.0) for owner in owners], np.float32)
        order = np.argsort(-(heard + options.text_nats * words), kind="stable")
        fit = explained(sound, heard)[order]
        sure = confidence(float(fit[0]), heard[order], options.verdict)
        worth = verdict(float(fit[0]), sure, options.verdict)
        if worth is Verdict.NOTHING:
            return Ranking((), worth, 0.0)
        scores = np.minimum.accumulate(fit)
        kept = np.flatnonzero(scores >= options.offered * scores[0])[:limit]
        first_by = {"sound": owners[heard.argmax()], "text": owners[words.argmax()]}
        return Ranking(
            tuple(
                self._hit(
                    int(owners[order[at]]),
                    float(scores[at]),
                    "text" if owners[order[at]] == first_by["text"] != first_by["sound"]
                    and words.max() > 0 else "sound",
                )
                for at in kept
            ),
            worth,
            sure,
        )  # fmt: skip

    def _spotted(self, log_probs: LogProbs, pool: Pool, limit: int) -> Ranking:
        """Titles inside what was said."""
        options = self._options
        sound = self._evidence(log_probs, options.spotting.sound(options.sound))
        forms = pool.best(sound, options.finalists, uncut=True)
        states = self._candidates.pack(forms, uncut=True)
        gains = sound.whole + all_paths(sound, states)
        order = np.argsort(-gains, kind="stable")
        order = order[np.sort(np.unique(forms.owners[order], return_index=True)[1])]
        chances = sound.whole * len(self.index.entries)
        sure = likelihood(float(gains[order[0]]), chances, options.spotting)
        if sure < options.spotting.least_confidence:
            return NOTHING
        order = order[gains[order] >= options.spotting.least_gain_nats]
        spans = places(sound, states)[order]
        shown = order[in_turn(spans, len(sound.frames), options.spotting)][:limit]
        scores = np.minimum.accumulate(gains[shown] / max(sound.whole, 1e-6))
        hits = (
            self._hit(int(forms.owners[form]), float(score), "sound")
            for form, score in zip(shown, scores, strict=True)
        )
        return Ranking(tuple(hits), Verdict.DID_YOU_MEAN, sure)

    def _of_entries(self, forms: Forms, sound: Evidence) -> tuple[Numbers, Floats]:
        """Entries and the best score of their forms in nats."""
        scores = all_paths(sound, self._candidates.pack(forms))
        owners, place = np.unique(forms.owners, return_inverse=True)
        best = np.full(len(owners), -np.inf, np.float32)
        np.maximum.at(best, place, scores)
        return owners.astype(np.int64), best

    def _hit(self, number: int, score: float, why: str) -> Hit:
        entry = self.index.entries[number]
        return Hit(entry.id, entry.title, min(1.0, score), why, entry.url, entry.fields)
