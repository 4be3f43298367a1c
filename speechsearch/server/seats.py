"""A session's seat: which version answers its utterances, and what the judge is told of them.

utterance begins ─► arm ─► answered ─► sent ─► (shadow) heard again ─► session over ─► judged
                                         └─ what the person takes, who says again or types
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from speechsearch.asr.wer import count_errors
from speechsearch.clock import Clock, monotonic_s
from speechsearch.pipeline import Answered, Pipeline, Spoken
from speechsearch.rollout.comparison import Compared
from speechsearch.rollout.judge import session_values
from speechsearch.rollout.router import Arm, Router
from speechsearch.rollout.router import Seat as Place
from speechsearch.server.mirror import NOT_MIRRORED, Mirror, Mirrored, compare, confidence, work_ms
from speechsearch.server.versions import Loaded
from speechsearch.types import Result
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m
from speechsearch.wire.events import Paused, UtteranceEnded

BUDGET_MS = 500
PAUSE_LEAVES_MS = 190
"""From the decode at the pause to the usual endpoint: longer work is waited for"""
KEPT = 200
"""Utterances of a session that are remembered until it is counted"""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a rollout, as far as its sessions have to know."""

    rollout: str
    since_s: float
    judged: bool


class House(Protocol):
    """What a seat needs to know of the rollouts, and tells them."""

    live: Loaded
    other: Loaded | None
    router: Router
    mirror: Mirror

    @property
    def step(self) -> Step:
        """The step that lasts."""
        ...

    def joined(self, seat: Seat, arm: Arm, *, first: bool) -> None:
        """A session speaks for the first time since the rollout began, or first meets an arm."""
        ...

    def heard(self, compared: Compared) -> None:
        """The challenger has heard an utterance too."""
        ...

    def failed(self, pipeline: Pipeline, error: Exception) -> None:
        """A version failed where another did not have to."""
        ...

    def count(self, step: Step, arm: Arm, ours: Values, theirs: Values) -> None:
        """A session is over: what the champion, and in the shadow the challenger, made of it."""
        ...


Values = dict[str, float]


@dataclass(slots=True)
class _Heard:
    """One utterance of the step that lasts."""

    arm: Arm
    result: Result | None = None
    shadow: Mirrored = NOT_MIRRORED
    latency_ms: float | None = None
    """From the acoustic end of speech until the answer was sent"""
    taken: str = ""
    """Id of the entry that the person took"""
    refused: bool = False
    """The person spoke again or typed"""
    replaced: bool = False
    """A later answer took it in: this was only the beginning of what was said"""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Seat:
    """One session; told of everything that happens in it, after it has happened."""

    house: House
    session: str
    clock: Clock = monotonic_s
    began_s: float = 0.0
    """When the first utterance that is not counted yet began"""
    _place: Place | None = None
    _step: Step | None = None
    _heard: dict[int, _Heard] = field(default_factory=dict)
    _arms: set[tuple[str, Arm]] = field(default_factory=set)
    _counted: Step | None = None
    _pause: tuple[int, float] = (0, 0.0)
    _shadows: set[asyncio.Task[None]] = field(default_factory=set)
    _challenged: dict[int, Pipeline] = field(default_factory=dict)
    """Utterances that the challenger hears, and who that was"""

    @property
    def arm(self) -> Arm:
        """That of the utterance which began last."""
        return self._place.arm if self._place else Arm.CHAMPION

    @property
    def segmenter(self) -> Callable[[], Segmenter]:
        """Makes what finds this session's utterances from now on."""
        return self._version(self.house.router.arm(self.session)).segmenter

    @property
    def shortest_hangover_ms(self) -> float:
        """Of whichever version may answer."""
        versions = [one for one in (self.house.live, self.house.other) if one]
        return min(one.pipeline.options.turns.complete_ms for one in versions)

    def begin(self, number: int) -> Pipeline:
        """An utterance begins: who hears it, to its end."""
        step, router = self.house.step, self.house.router
        if not step.judged:
            self._place = None
            return self.house.live.pipeline
        if self._place is None or self._place.router is not router:
            self._place = router.seat(self.session)
        self._place.speech_end()
        arm = self._place.speech_start()
        first = not any(rollout == step.rollout for rollout, _ in self._arms)
        if (step.rollout, arm) not in self._arms:
            self._arms.add((step.rollout, arm))
            self.house.joined(self, arm, first=first)
        if step != self._step:
            self._step, self.began_s = step, self.clock()
            self._heard.clear()
        if step != self._counted and len(self._heard) < KEPT:
            self._heard[number] = _Heard(arm)
        pipeline = self._version(arm).pipeline
        if arm.answered_by_challenger:
            self._challenged[number] = pipeline
            self._challenged.pop(number - KEPT, None)  # it never came to an answer
        return pipeline

    def arm_of(self, answered: Answered) -> Arm:
        """Who gave an answer; to be asked once. In the shadow that is the champion."""
        challenger = self._challenged.pop(answered.result.utterance, None)
        instead = answered.heard is not None and answered.heard.pipeline is not challenger
        return Arm.CHAMPION if challenger is None or instead else Arm.CHALLENGER

    def paused(self, event: Paused) -> None:
        """What may have been all is being answered."""
        self._pause = (event.sample, self.clock())

    def failed(self, pipeline: Pipeline, error: Exception) -> None:
        """An utterance had to be answered by another."""
        logging.error("a version that is rolled out failed: %r", error)
        self.house.failed(pipeline, error)

    def answered(self, ended: UtteranceEnded, answered: Answered | None) -> None:
        """The answer has been sent; None where it was an error."""
        heard = self._heard.get(ended.utterance.number)
        if heard is None:
            return
        if answered is None:
            del self._heard[ended.utterance.number]
            return
        if answered.result.continues in self._heard:
            self._heard[answered.result.continues].replaced = True
        heard.result, (sample, at_s) = answered.result, self._pause
        if sample == ended.end_sample:
            pause_ms = self.house.live.settings.vad.pause_ms
            heard.latency_ms = (self.clock() - at_s) * 1000 + pause_ms
        if heard.arm is Arm.SHADOW:
            task = asyncio.create_task(self._mirror(heard, ended, answered))
            self._shadows.add(task)
            task.add_done_callback(self._shadows.discard)

    def told(self, feedback: m.Feedback) -> None:
        """What the person did with an answer."""
        heard = self._heard.get(feedback.utterance)
        if heard and feedback.action == "click":
            heard.taken = feedback.hit
        elif heard and feedback.action in ("redo", "typed"):
            heard.refused = True

    def over(self) -> None:
        """The session has ended, or lasted long enough: it counts, once in a step."""
        step, heard = self._step, list(self._heard.values())
        if step is None or not heard:
            return
        self._counted = step
        self._heard.clear()
        if self._shadows:
            waiting = asyncio.gather(*self._shadows)
            waiting.add_done_callback(lambda _: self._count(step, heard))
        else:
            self._count(step, heard)

    def _count(self, step: Step, heard: list[_Heard]) -> None:
        arm = heard[0].arm
        ours = [_values(one, one.result) for one in heard if one.arm is arm]
        theirs = [_mirrored_values(one) for one in heard if one.arm is arm]
        if arm is Arm.SHADOW:  # each measure of the same utterances for both
            pairs = zip(ours, theirs, strict=True)
            ours = [{name: one[name] for name in other if name in one} for one, other in pairs]
        if any(ours):
            self.house.count(step, arm, session_values(ours), session_values(theirs))

    async def _mirror(self, heard: _Heard, ended: UtteranceEnded, answered: Answered) -> None:
        challenger = self.house.other
        if challenger is None:
            return
        try:
            spoken = Spoken(answered.utterance, ended.end_sample)
            heard.shadow = await self.house.mirror.hear(challenger.pipeline, spoken)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.failed(challenger.pipeline, error)
            return
        if heard.shadow.result:
            self.house.heard(compare(answered.result, heard.shadow.result))

    def _version(self, arm: Arm) -> Loaded:
        challenger = self.house.other if arm.answered_by_challenger else None
        return challenger or self.house.live


def _values(heard: _Heard, result: Result | None) -> Values:
    """What the judge weighs of one answer; what is not known is left out.

    Words are known where the person took an entry that was offered: its title's, whatever was said
    around them, which counts against both arms alike. Of the beginning of what was said they are
    not: most of the title would be missing there from both arms, and hide by how much they differ.
    """
    if result is None:
        return {}
    values = {
        "confidence": confidence(result),
        "empty": float(not result.text),
        "zero_results": float(not result.hits),
        "overrun": float(work_ms(result) > PAUSE_LEAVES_MS),
    }
    if heard.latency_ms is not None:
        values["slow"] = float(heard.latency_ms > BUDGET_MS)
    if heard.replaced:
        return values
    if heard.taken:
        values["top_1_wrong"] = float(not result.hits or result.hits[0].id != heard.taken)
        title = _title(heard)
        if title:
            errors = count_errors(title, result.text)
            values["word_errors"] = min(1.0, errors.wer)
    elif heard.refused and heard.arm is not Arm.SHADOW:
        values["top_1_wrong"] = 1.0  # of what the other arm would have shown nothing is known
    return values


def _mirrored_values(heard: _Heard) -> Values:
    """Of the challenger in the shadow; of work that was stopped only that it took too long."""
    result, worked_ms = heard.shadow.result, heard.shadow.worked_ms
    if result is None and worked_ms is not None and worked_ms > PAUSE_LEAVES_MS:
        return {"overrun": 1.0}
    return _values(heard, result)


def _title(heard: _Heard) -> str:
    hits = [hit for one in (heard.result, heard.shadow.result) if one for hit in one.hits]
    return next((hit.title for hit in hits if hit.id == heard.taken), "")
