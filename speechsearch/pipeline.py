"""The server-side path on one screen: an utterance in, a result out, under one deadline.

utterance ─► log-probs ─► hypotheses ─► hits ─► result
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from speechsearch.asr.ctc import greedy
from speechsearch.asr.gate import Gate
from speechsearch.asr.model import AcousticModel
from speechsearch.clock import Clock, Deadline, Stopwatch, monotonic_s
from speechsearch.errors import ConfigError, DeadlineExceeded
from speechsearch.search.ranking import Ranker
from speechsearch.types import (
    ONE_EAR,
    SAMPLE_RATE_HZ,
    Decoder,
    Hit,
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

    def answered(self, utterance: Utterance, result: Result) -> None:
        """An utterance has its result."""
        ...


class Unobserved:
    """Nobody watches."""

    def stage(self, name: str, ms: float) -> None:
        """Let it pass."""

    def answered(self, utterance: Utterance, result: Result) -> None:
        """Let it pass."""


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How the pipeline hears and searches; raises ConfigError for what this version has not."""

    decoder: Decoder = Decoder.GREEDY
    search: SearchMode = SearchMode.FULL
    second_pass: str = ONE_EAR
    post_roll_ms: float = 200
    """Sound after the end of speech that is still decoded"""

    def __post_init__(self) -> None:
        if self.decoder is Decoder.BEAM:
            raise ConfigError(
                "this version has no beam decoder", hint="Use --decoder greedy (asr.decoder)"
            )
        if self.second_pass != ONE_EAR:
            raise ConfigError(
                f"this version has no second pass {self.second_pass!r}",
                hint="Use --second-pass off (asr.second_pass)",
            )


class Pipeline:
    """One model and one index, used by one thread at a time."""

    def __init__(
        self,
        model: AcousticModel,
        ranker: Ranker,
        *,
        options: PipelineOptions | None = None,
        observer: Observer | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        self.model = model
        self.ranker = ranker
        self.options = options or PipelineOptions()
        self._gate = Gate()
        self._observer = observer or Unobserved()
        self._post_roll_samples = ms_to_samples(self.options.post_roll_ms)
        self._clock = clock

    def answer(self, utterance: Utterance, end_sample: int, deadline: Deadline) -> Result:
        """Decode the sound up to ``end_sample`` plus the post-roll and find what it asks for.

        Raises DeadlineExceeded where the answer would come too late to be wanted.
        """
        watch = Stopwatch(self._clock)
        if deadline.passed:
            raise DeadlineExceeded(
                f"utterance {utterance.number} waited too long for the model",
                hint="The server is overloaded: speak again in a moment",
                utterance=utterance.number,
            )
        kept = end_sample + self._post_roll_samples - utterance.start_sample
        log_probs = self.model.log_probs(utterance.samples[:kept])
        self._lap(watch, "decode")
        info = self.model.info
        hypothesis = greedy(
            log_probs, info.vocabulary, info.timing, utterance.start_sample / SAMPLE_RATE_HZ
        )
        verdict = self._gate.judge(hypothesis)
        self._lap(watch, "hypothesis")
        hits: list[Hit] = []
        if verdict.searchable:
            sound = log_probs if self.options.search is SearchMode.FULL else None
            hits = self.ranker.rank(hypothesis.text, sound)
        self._lap(watch, "search")
        result = Result(
            utterance=utterance.number,
            hypotheses=(hypothesis,) if verdict.is_speech else (),
            hits=tuple(hits),
            timings_ms=watch.laps_ms,
            model=info.label,
            why_nothing="" if verdict.is_speech else verdict.reason,
        )
        self._observer.answered(utterance, result)
        return result

    def search(self, query: str, limit: int) -> tuple[list[Hit], dict[str, float]]:
        """Hits for a typed query, and its timings in milliseconds."""
        watch = Stopwatch(self._clock)
        hits = self.ranker.rank(query, None, limit)
        self._lap(watch, "search")
        return hits, watch.laps_ms

    def warm_up(self) -> None:
        """Pay for first-time costs before the first speaker does."""
        self.model.warm_up()
        self.ranker.warm_up()

    def _lap(self, watch: Stopwatch, name: str) -> None:
        self._observer.stage(name, watch.lap(name))
