"""Which forms the sound is scored against: all of a small catalogue, a shortlist of a large one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from speechsearch.search.forms import Forms
from speechsearch.search.index import Index
from speechsearch.search.shortlist import Numbers
from speechsearch.search.sound import Evidence, SoundOptions, States, best_paths, pack
from speechsearch.search.spotting import whole_titles
from speechsearch.search.triples import LETTERS, triple_scores


@dataclass(frozen=True, eq=False)
class Pool:
    """Forms that may be meant, and what the scorer walks over."""

    forms: Forms
    states: States

    @cached_property
    def uncut(self) -> States:
        """The states of titles of which neither head nor tail may be missing."""
        return whole_titles(self.states)

    def best(self, sound: Evidence, kept: int, *, uncut: bool = False) -> Forms:
        """So many forms with the best paths; ``uncut``: neither head nor tail may be missing."""
        if len(self.forms) <= kept:
            return self.forms
        paths = best_paths(sound, self.uncut if uncut else self.states)
        return self.forms.part(np.sort(np.argpartition(-paths, kept)[:kept]))


class Candidates:
    """The forms of an index, for one acoustic model's letters."""

    def __init__(
        self, index: Index, vocabulary: Mapping[str, int], options: SoundOptions, most_letters: int
    ) -> None:
        """Catalogues of at most ``most_letters`` may be scored whole and are laid out for it."""
        columns = {letter.lower(): column for letter, column in vocabulary.items()}
        self.columns = np.array([columns.get(letter, -1) for letter in LETTERS], np.int64)
        self._options = options
        self._layers = index.layers
        sizes = [len(layer.entries) for layer in index.layers]
        self._firsts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._removed = index.removed
        self._whole: Pool | None = None
        letters = sum(len(layer.forms.codes) for layer in self._layers)
        if letters <= most_letters:
            forms = self._chain([layer.forms for layer in self._layers])
            self._whole = Pool(forms, self.pack(forms))

    def pack(self, forms: Forms, *, uncut: bool = False) -> States:
        """What the scorer walks over; ``uncut``: neither head nor tail may be missing."""
        states = pack(forms, self.columns, self._options)
        return whole_titles(states) if uncut else states

    def pool(self, sound: Evidence, entries: Numbers, room: tuple[int, int]) -> Pool:
        """All forms, or those sharing triples with the sound; owners numbered through all layers.

        ``entries`` were found by their words. ``room``: most cells, frames times letters, for all
        forms; most forms taken for their triples.
        """
        most_cells, shortlisted = room
        if self._whole and len(sound.frames) * len(self._whole.states.letters) <= most_cells:
            return self._whole
        forms = self._near(sound, entries, shortlisted)
        return Pool(forms, self.pack(forms))

    def _near(self, sound: Evidence, entries: Numbers, limit: int) -> Forms:
        """Forms that share triples with the sound, and all forms of ``entries``."""
        triples = triple_scores(sound.frames / self._options.scale, self.columns, sound.blank)
        parts = []
        for layer, first, end in zip(self._layers, self._firsts, self._firsts[1:], strict=False):
            near, _ = layer.shortlist.nearest(triples, limit)
            local = np.sort(entries[(entries >= first) & (entries < end)]) - first
            parts.append(layer.forms.part(np.union1d(near, layer.forms.of_entries(local))))
        return self._chain(parts)

    def _chain(self, parts: Sequence[Forms]) -> Forms:
        """One after the other, without those of removed entries."""
        lengths = [np.diff(part.starts) for part in parts]
        owners = [part.owners + first for part, first in zip(parts, self._firsts, strict=False)]
        chained = Forms(
            np.concatenate([part.codes for part in parts]),
            np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64),
            np.concatenate(owners).astype(np.int32),
        )
        there = ~np.isin(chained.owners, self._removed)
        return chained if there.all() else chained.part(np.flatnonzero(there))
