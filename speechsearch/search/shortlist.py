"""The forms most like what was heard, by the triples of letters they share: what the scorer gets.

An inverted index: for each triple the forms that hold it. Weights are the squared inverse document
frequency (Sparck Jones 1972), times how likely the triple was said; long forms are damped.

    triples.npy   int64 [TRIPLES + 1], where each triple's forms begin in ``holders``
    holders.npy   int32 [postings], ascending for each triple
    damping.npy   float32 [forms]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speechsearch.asr.compiled import compiled
from speechsearch.search.alignment import Floats
from speechsearch.search.forms import Forms
from speechsearch.search.triples import ALPHABET, SPACE, TRIPLES

Numbers = npt.NDArray[np.int64]
BLOCK_FORMS = 32_768
"""Forms whose scores are summed at a time: they stay near the core"""


@dataclass(frozen=True, slots=True)
class ShortlistOptions:
    """Chosen on the ceiling: how often the right form is among the first."""

    doubt_nats: float = 2.0
    """A triple so much worse than the best path weighs a factor e less"""
    least: float = 0.02
    """Triples that weigh less are passed over"""
    damping: float = 0.25
    """Power of a form's summed weights by which its score is divided"""
    most_postings: int = 3_000_000
    """Read for one query, most telling triples first: about 7 ms. Four million bring no
    more of 550 phrases among a million titles into the shortlist, two million lose three"""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The inverted index of some forms; the arrays may be files."""

    triples: Numbers
    holders: npt.NDArray[np.int32]
    damping: Floats
    idf: Floats = field(repr=False)
    """Squared, of each triple: float32 [TRIPLES]"""

    @classmethod
    def of(cls, forms: Forms, options: ShortlistOptions | None = None) -> Shortlist:
        """Index all triples of all forms, spaces at their ends included."""
        options = options or ShortlistOptions()
        codes, starts = np.ascontiguousarray(forms.codes), np.ascontiguousarray(forms.starts)
        counts = np.zeros(TRIPLES + 1, np.int64)
        seen = np.full(TRIPLES, -1, np.int32)
        nothing = np.zeros(0, np.int32)
        _file_triples(codes, starts, seen, counts, nothing)
        triples = np.concatenate([[0], np.cumsum(counts[:-1])])
        holders = np.empty(triples[-1], np.int32)
        seen[:] = -1
        _file_triples(codes, starts, seen, triples[:-1].copy(), holders)
        idf = _idf(triples, len(forms))
        norms = np.zeros(len(forms), np.float32)
        _add(holders, triples, np.arange(TRIPLES), idf, norms)
        damping = np.maximum(norms, 1e-9) ** -options.damping
        return cls(triples, holders, damping.astype(np.float32), idf)

    @classmethod
    def load(cls, folder: Path) -> Shortlist:
        """What ``save`` wrote, mapped."""
        triples, holders, damping = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in _FILES
        )
        return cls(triples, holders, damping, _idf(triples, len(damping)))

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        for name in _FILES:
            np.save(folder / f"{name}.npy", getattr(self, name))

    def nearest(
        self, scores: Floats, limit: int, options: ShortlistOptions | None = None
    ) -> tuple[Numbers, Floats]:
        """Forms that hold the most of what was heard, best first, and their scores.

        ``scores`` [TRIPLES] in nats, as ``triple_scores`` gives them. Only forms that share any.
        """
        options = options or ShortlistOptions()
        weights = np.exp(scores / np.float32(options.doubt_nats))
        weights[weights < options.least] = 0
        weights *= self.idf
        chosen = np.flatnonzero(weights)
        chosen = chosen[np.argsort(-weights[chosen], kind="stable")]
        sizes = self.triples[chosen + 1] - self.triples[chosen]
        chosen = chosen[np.cumsum(sizes) <= options.most_postings]
        places, found = _gather(
            self.holders, self.triples, chosen, weights, self.damping, max(1, limit)
        )
        best = np.argsort(-found, kind="stable")[:limit]
        return places[best], found[best]


def _idf(triples: Numbers, forms: int) -> Floats:
    holders = np.maximum(1, np.diff(triples))
    weights: Floats = (np.log1p(forms / holders) ** 2).astype(np.float32)
    return weights


@compiled
def _file_triples(codes, starts, seen, places, holders):  # type: ignore[no-untyped-def]
    """Count, or with room in ``holders`` write, each triple of each form once."""
    for form in range(len(starts) - 1):
        low, high = starts[form], starts[form + 1]
        if high == low:
            continue
        pair = np.int64(codes[low])  # the space before it is 0
        for at in range(low + 1, high + 1):
            letter = np.int64(codes[at]) if at < high else np.int64(SPACE)
            triple = pair * ALPHABET + letter
            pair = triple % (ALPHABET * ALPHABET)
            if seen[triple] != form:
                seen[triple] = form
                if len(holders):
                    holders[places[triple]] = form
                places[triple] += 1


@compiled
def _add(holders, triples, chosen, weights, scores):  # type: ignore[no-untyped-def]
    """Add each chosen triple's weight to the forms that hold it."""
    for triple in chosen:
        weight = weights[triple]
        for place in range(triples[triple], triples[triple + 1]):
            scores[holders[place]] += weight


@compiled
def _gather(holders, triples, chosen, weights, damping, limit):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """At least the ``limit`` best forms above 0 and their scores, block by block of forms."""
    cursors = triples[chosen]
    scores = np.empty(BLOCK_FORMS, np.float32)
    places = np.empty(4 * limit + BLOCK_FORMS, np.int64)
    found = np.empty(4 * limit + BLOCK_FORMS, np.float32)
    count, least = 0, np.float32(0)
    for low in range(0, len(damping), BLOCK_FORMS):
        high = min(low + BLOCK_FORMS, len(damping))
        scores[:] = 0
        for k in range(len(chosen)):
            at, weight = cursors[k], weights[chosen[k]]
            end = triples[chosen[k] + 1]
            while at < end and holders[at] < high:
                scores[holders[at] - low] += weight
                at += 1
            cursors[k] = at
        for form in range(low, high):
            score = scores[form - low] * damping[form]
            if score > least:
                places[count], found[count] = form, score
                count += 1
        if count > 4 * limit:
            least = np.partition(found[:count], count - limit)[count - limit]
            count = _keep(places, found, count, least)
    return places[:count], found[:count]


@compiled
def _keep(places, found, count, least):  # type: ignore[no-untyped-def]
    """Move what scores at least ``least`` to the front; how many that is."""
    kept = 0
    for at in range(count):
        if found[at] >= least:
            places[kept], found[kept] = places[at], found[at]
            kept += 1
    return kept


_FILES = ("triples", "holders", "damping")
