"""The server-side path on one screen: an utterance in, a result out.

utterance ─► log-probs ─► hypotheses ─► hits ─► result
                 └─ with the one before it, where it may go on with that sentence
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from speechsearch.asr import gate
from speechsearch.asr.beam import BeamDecoder, Reading
from speechsearch.asr.ctc import greedy
from speechsearch.asr.interrupt import give_way
from speechsearch.asr.model import AcousticModel
from speechsearch.asr.plausible import Judge
from speechsearch.asr.second_ear import Reheard, check_second_ear
from speechsearch.asr.settled import Part, judge_parts
from speechsearch.clock import Lap, Stopwatch
from speechsearch.search.ranking import NOTHING, Ranker, Ranking, query_of
from speechsearch.search.spelling import spellings
from speechsearch.search.verdict import Verdict
from speechsearch.turns import Seam, TurnOptions, is_one
from speechsearch.types import (
    ONE_EAR,
    SAMPLE_RATE_HZ,
    Audio,
    Decoder,
    Hit,
    Hypothesis,
    LogProbs,
    Result,
    SearchMode,
    Utterance,
    ms_to_samples,
)


class Observer(Protocol):
    """What may watch the pipeline without touching it."""

    def stage(self, name: str, ms: float) -> None:
        """A stage took ``ms``."""
        ...


class Unobserved:
    """Nobody watches."""

    def stage(self, name: str, ms: float) -> None:
        """Let it pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A result and all the sound it rests on, what came after the end of speech included."""

    utterance: Utterance
    result: Result
    heard: Heard | None = None
    """For who hears it again"""
    laps: tuple[Lap, ...] = ()
    """What was done for it when, for who traces it"""

    @property
    def to_rehear(self) -> Heard | None:
        """What a second ear may hear; nothing where the first heard no words."""
        return self.heard if self.result.hypotheses else None


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The sound up to the end of speech and the post-roll, as a pipeline heard it."""

    pipeline: Pipeline
    samples: Audio
    log_probs: LogProbs


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """What a second ear made of an answer: a better one, or None and why not."""

    result: Result | None
    reason: str


@dataclass(frozen=True, eq=False)
class Spoken:
    """What is to be answered: an utterance whose speech ends at ``end_sample``.

    ``before`` is the answer whose sentence it may go on with; its sound reaches to the utterance's
    first sample.
    """

    utterance: Utterance
    end_sample: int
    before: Answered | None = None

    @property
    def alone(self) -> Utterance:
        """The utterance without the sound that only leads to it."""
        said, lead = self.utterance, self.utterance.lead_samples
        return Utterance(said.number, said.samples[lead:], said.start_sample + lead)

    @cached_property
    def whole(self) -> Utterance:
        """All sound to be heard, under the number of the utterance."""
        if self.before is None:
            return self.alone
        first, second = self.before.utterance, self.utterance
        samples: Audio = np.concatenate([first.samples, second.samples])
        return Utterance(second.number, samples, first.start_sample)


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How the pipeline hears and searches; raises ConfigError for what this version has not."""

    decoder: Decoder = Decoder.BEAM
    search: SearchMode = SearchMode.FULL
    second_pass: str = ONE_EAR
    post_roll_ms: float = 96
    """Sound after the end of speech that is still decoded"""
    turns: TurnOptions = field(default_factory=TurnOptions)

    def __post_init__(self) -> None:
        check_second_ear(self.second_pass)


@dataclass(frozen=True, slots=True, eq=False)
class Finder:
    """What is made of one version of an index.

    ``beam`` reads the text that is shown; without it, or with ``Decoder.GREEDY``, that is the best
    letter of each frame.
    """

    ranker: Ranker
    beam: BeamDecoder | None = None

    def __call__(self) -> Finder:
        """Itself: for an index that never changes."""
        return self

    def warm_up(self) -> Finder:
        """Pay for first-time costs; returns itself."""
        self.ranker.warm_up()
        if self.beam:
            self.beam.warm_up()
        return self


class Pipeline:
    """One model and one catalogue, used by one thread at a time.

    ``finder`` is asked before each answer, so that a catalogue may change under live queries.
    """

    def __init__(
        self,
        model: AcousticModel,
        finder: Callable[[], Finder],
        *,
        options: PipelineOptions | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.model = model
        self.finder = finder
        self.options = options or PipelineOptions()
        self._observer = observer or Unobserved()
        self._gate = gate.Gate()
        self._judge = Judge(model.info.vocabulary, model.info.timing)
        self._post_roll_samples = ms_to_samples(self.options.post_roll_ms)

    def sound_of(self, spoken: Spoken) -> Audio:
        """What the model has to hear: up to the end of speech plus the post-roll."""
        sound = spoken.whole
        kept = spoken.end_sample + self._post_roll_samples - sound.start_sample
        return sound.samples[:kept]

    def conclude(self, spoken: Spoken, log_probs: LogProbs, watch: Stopwatch) -> Answered:
        """What ``sound_of(spoken)``, heard as ``log_probs``, says and asks for."""
        alone, before = spoken.alone, spoken.before
        samples = self.sound_of(spoken)
        if before is None:
            heard = Heard(self, samples, log_probs)
            return Answered(alone, self.read(alone, log_probs, watch), heard)
        sound = spoken.whole
        ahead_samples = alone.start_sample - sound.start_sample
        skipped = ahead_samples // self.model.info.timing.stride_samples
        second = self.read(alone, log_probs[skipped:], watch)
        heard = Heard(self, samples[ahead_samples:], log_probs[skipped:])
        apart = Answered(alone, second, heard)
        joined = self.read(sound, log_probs, watch)
        seam = Seam(alone.start_sample / SAMPLE_RATE_HZ, self._apart_nats(before.result, second))
        if is_one(before.result, second, joined, self.options.turns, seam):
            one = replace(joined, continues=before.utterance.number)
            return Answered(sound, one, Heard(self, samples, log_probs))
        return apart

    def revise(
        self,
        answered: Answered,
        log_probs: LogProbs,
        heard: Sequence[Part[Sequence[Reheard]]],
        ear: str,
        watch: Stopwatch,
    ) -> Revision:
        """The answer once more, in the words of a second ear that heard its sound in one part or
        several, where the sound says them.

        Its hits stay: the sound has ranked them, and better words find none that are better
        (``scripts/bench/second_ear_choose.py hits``).
        """
        first = answered.result
        judgement = judge_parts(self._judge, heard, log_probs, self.model.info.timing)
        self._lap(watch, "revision")
        if judgement.fit is None:
            return Revision(None, judgement.reason)
        others = (replace(other, words=()) for other in first.hypotheses)
        hypotheses = (judgement.fit.hypothesis, *others)
        return Revision(replace(first, hypotheses=hypotheses, ear=ear), judgement.reason)

    def answer(self, spoken: Spoken) -> Answered:
        """Hear and conclude."""
        watch = Stopwatch()
        log_probs = self.model.log_probs(self.sound_of(spoken))
        self._lap(watch, "decode")
        return self.conclude(spoken, log_probs, watch)

    def search(self, query: str, limit: int) -> tuple[list[Hit], dict[str, float]]:
        """Hits for a typed query, and its timings in milliseconds."""
        watch = Stopwatch()
        hits = self.finder().ranker.rank(query, None, limit)
        self._lap(watch, "search")
        return hits, watch.laps_ms

    def warm_up(self) -> None:
        """Pay for the model's first-time costs; the finder's are paid by who makes it."""
        self.model.warm_up()

    def read(
        self, sound: Utterance, log_probs: LogProbs, watch: Stopwatch, *, inside: bool = True
    ) -> Result:
        """What the log-probs of ``sound`` say and ask for; ``inside`` as for ``Ranker.answer``.

        Raises Interrupted, between two stages, where an ``Interrupt`` in force is asked for.
        """
        info = self.model.info
        offset_s = sound.start_sample / SAMPLE_RATE_HZ
        heard = greedy(log_probs, info.vocabulary, info.timing, offset_s)
        verdict = self._gate.judge(heard)
        finder = self.finder()
        beam = finder.beam if self.options.decoder is Decoder.BEAM else None
        readings: tuple[Reading, ...] = ()
        if beam and verdict.is_speech:
            readings = beam.decode(log_probs, offset_s)
        self._lap(watch, "hypothesis")
        give_way()
        asked = heard.text
        if readings and self.options.search is SearchMode.FULL:
            asked = query_of(reading.hypothesis.text for reading in readings)
        found = self._find(finder.ranker, asked, log_probs, verdict, inside)
        self._lap(watch, "search")
        give_way()
        if beam and found.hits:
            readings = _with_titles(beam, log_probs, offset_s, found.hits)
        hypotheses = _spelt(readings) if readings or not verdict.is_speech else (heard,)
        self._lap(watch, "hypothesis")
        return Result(
            utterance=sound.number,
            hypotheses=hypotheses,
            hits=found.hits,
            timings_ms=watch.laps_ms,
            model=info.label,
            why_nothing="" if verdict.is_speech else verdict.reason,
            answer_confidence=found.confidence,
        )

    def _find(
        self, ranker: Ranker, text: str, log_probs: LogProbs, heard: gate.Verdict, inside: bool
    ) -> Ranking:
        """Hits for speech; for speech too unsure to search with, only what fits it surely."""
        if not heard.is_speech:
            return NOTHING
        if self.options.search is SearchMode.TEXT:
            return ranker.answer(text, None) if heard.searchable else NOTHING
        found = ranker.answer(text, log_probs, inside=inside)
        return found if heard.searchable or found.verdict is Verdict.FOUND else NOTHING

    def _apart_nats(self, first: Result, second: Result) -> float | None:
        beam = self.finder().beam
        return beam.apart_nats(first.text.split(), second.text.split()) if beam else None

    def _lap(self, watch: Stopwatch, name: str) -> None:
        self._observer.stage(name, watch.lap(name))


def _with_titles(
    beam: BeamDecoder, log_probs: LogProbs, offset_s: float, hits: Sequence[Hit]
) -> tuple[Reading, ...]:
    """What was said, read with the titles that the sound was found to fit."""
    titles = [title for hit in hits for title in spellings(hit.title)]
    return beam.decode(log_probs, offset_s, beam.bias(titles))


def _spelt(readings: Sequence[Reading]) -> tuple[Hypothesis, ...]:
    """The hypotheses, best first; the times of words are kept of the best alone."""
    return tuple(
        replace(reading.hypothesis, words=()) if place else reading.hypothesis
        for place, reading in enumerate(readings)
    )
