"""Which entries answer an utterance: candidates by letters and words, order by sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from speechsearch.search.carrier import carrier_length
from speechsearch.search.index import Index, TextMatch
from speechsearch.search.shortlist import Numbers, Trigrams
from speechsearch.search.sound import Sound, SoundOptions, Spellings, fits, greedy_letters, pack
from speechsearch.search.spelling import letters, spellings
from speechsearch.types import Entry, Hit, LogProbs

MAKER_FIELDS = ("author", "authors", "artist", "director", "creator")
"""Columns that say who made it; the first name before a comma is spoken"""
Candidates = tuple[Spellings, Numbers]
"""What is scored, and the number of each spelling's entry"""


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """How candidates are found and ordered."""

    limit: int = 10
    floor: float = 0.36
    """A best fit below it is no answer: of 367 phrases that are in the catalogue none fits so
    badly, of utterances that ask for something else 80 %, of noise 97 %."""
    offered: float = 0.6
    """Further hits fit at least this share of the best one."""
    text_weight: float = 0.1
    """How much a full match of words adds to the fit: decides between titles that sound alike."""
    most_cells: int = 60_000_000
    """Frames times letters scored for one utterance, about 45 ms on one core of the machine in the
    README; a larger catalogue is first cut to a shortlist."""
    shortlist: int = 300
    """Most spellings taken for their letters, and most entries for their words"""
    blank: int = 0
    """The model's blank"""
    sound: SoundOptions = field(default_factory=SoundOptions)


class Ranker:
    """Ranks the entries of one index for one acoustic model's letters.

    ``vocabulary`` maps each letter, and the space between words, to its column of the log-probs.
    """

    def __init__(
        self, index: Index, vocabulary: Mapping[str, int], options: RankingOptions | None = None
    ) -> None:
        self.index = index
        self._options = options or RankingOptions()
        texts: list[str] = []
        owners: list[int] = []
        for number, entry in enumerate(index.entries):
            spoken = _spoken(entry)
            texts += spoken
            owners += [number] * len(spoken)
        self._spellings = pack(texts, vocabulary, self._options.sound)
        self._trigrams = Trigrams(texts)
        self._owners: Numbers = np.array(owners, np.int64)
        self._columns = {column: letter.lower() for letter, column in vocabulary.items()}

    def rank(self, text: str, log_probs: LogProbs | None, limit: int | None = None) -> list[Hit]:
        """Hits, best first; none where nothing fits well enough.

        ``log_probs`` [frames, letters] of the utterance, or None for a typed query, which is
        ranked by its words alone.
        """
        limit = self._options.limit if limit is None else limit
        wanted = text[carrier_length(text) :]
        matches = self.index.search(wanted, max(limit, self._options.shortlist))
        if log_probs is None:
            return self._by_text(matches[:limit])
        blank = self._options.blank
        heard = "".join(
            self._columns.get(int(column), "?") for column in greedy_letters(log_probs, blank)
        )
        sound = Sound(log_probs, blank, carrier_length(heard))
        return self._by_sound(matches, self._candidates(matches, heard, sound), sound, limit)

    def warm_up(self) -> None:
        """Compile the scorer."""
        silence = np.full((2, 2), -1.0, np.float32)
        fits(Sound(silence), pack(["a"], {"a": 1}, self._options.sound), self._options.sound)

    def _by_text(self, matches: list[TextMatch]) -> list[Hit]:
        best = matches[0].score if matches else 1.0
        return [self._hit(match.number, match.score / best, "text") for match in matches]

    def _by_sound(
        self, matches: list[TextMatch], candidates: Candidates, sound: Sound, limit: int
    ) -> list[Hit]:
        options = self._options
        scored, owners = candidates
        fit = np.zeros(len(self.index), np.float32)
        np.maximum.at(fit, owners, fits(sound, scored, options.sound))
        if not len(fit) or fit.max() < options.floor:
            return []
        score = fit.copy()
        for match in matches:
            score[match.number] += options.text_weight * match.score / matches[0].score
        score /= 1 + options.text_weight
        order = np.argsort(-score, kind="stable")[:limit]
        kept = [number for number in order if score[number] >= options.offered * score[order[0]]]
        text_first = matches[0].number if matches else -1
        sound_first = int(fit.argmax())
        return [
            self._hit(
                int(number),
                float(score[number]),
                "text" if number == text_first != sound_first else "sound",
            )
            for number in kept
        ]

    def _candidates(self, matches: list[TextMatch], heard: str, sound: Sound) -> Candidates:
        """All spellings while that is fast; above, those that share letters or words."""
        if len(sound.log_probs) * len(self._spellings.letters) <= self._options.most_cells:
            return self._spellings, self._owners
        alike = self._trigrams.nearest(heard[sound.free_letters :], self._options.shortlist)
        numbers = [*self._owners[alike], *(match.number for match in matches)]
        chosen = np.flatnonzero(np.isin(self._owners, numbers))
        return self._spellings.part(chosen), self._owners[chosen]

    def _hit(self, number: int, score: float, why: str) -> Hit:
        entry = self.index.entries[number]
        return Hit(entry.id, entry.title, min(1.0, score), why, entry.url, entry.fields)


def _spoken(entry: Entry) -> list[str]:
    """How an entry may be asked for: its title, its aliases, and the title with who made it."""
    spoken = list(spellings(entry.title, entry.aliases))
    makers = (entry.fields.get(name) for name in MAKER_FIELDS)
    maker = next((name for name in makers if isinstance(name, str) and name), "")
    if spoken and maker:
        spoken.append(letters(f"{spoken[0]} by {maker.split(',')[0]}"))
    return spoken
