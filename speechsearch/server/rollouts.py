"""The rollouts of a running server: carries out what ``rollout/controller.py`` decides.

event ─► decision (pure) ─► on disk ─► pointer, shares, the other colour

Everything here belongs to the event loop. One decision is made at a time, and has no effect before
it is kept: whoever is killed goes on from the last one that was. The switch is one assignment;
utterances in flight end with the version they began with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakSet

import msgspec
from starlette.routing import Route

from speechsearch.asr.batcher import Priority
from speechsearch.config import Settings, fixtures_dir
from speechsearch.errors import IllegalTransition, RolloutError, SpeechsearchError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Pipeline, Spoken
from speechsearch.rollout import controller
from speechsearch.rollout.comparison import Compared
from speechsearch.rollout.router import Arm, Router
from speechsearch.rollout.state import Decision, Incident, Phase, Plan, State, Transition
from speechsearch.rollout.version import PipelineVersion, Stage
from speechsearch.server.answers import Answers, answering
from speechsearch.server.golden import Prover
from speechsearch.server.mirror import Mirror
from speechsearch.server.rollout_files import RolloutFiles
from speechsearch.server.rollout_metrics import RolloutMetrics
from speechsearch.server.rollout_routes import RolloutRoutes
from speechsearch.server.seats import Seat, Step, Values
from speechsearch.server.versions import Loaded, version_of, with_sections
from speechsearch.types import Audio, Result, Utterance
from speechsearch.vad.segmenter import Segmenter

Load = Callable[..., Loaded]
"""``Load(settings, beside=loaded)``"""
JUDGED = (Phase.SHADOW, Phase.CANARY)
STAGES = {Phase.PROVING: Stage.SHADOW, Phase.SHADOW: Stage.SHADOW, Phase.CANARY: Stage.CANARY}
ON_TRIAL = (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)
"""Whoever is none of it any more was rolled back"""


@dataclass(slots=True)
class _Pending:
    """What sessions told since the last decision: kept with the next."""

    seen: int = 0
    met: int = 0
    compared: Compared = field(default_factory=Compared)


class Rollouts:
    """One server's; ``attach`` before it serves, ``running`` while it does."""

    answers: Answers
    mirror: Mirror

    def __init__(
        self,
        settings: Settings,
        files: RolloutFiles,
        live: Loaded,
        load: Load,
        index_folder: Callable[[Settings], Path],
    ) -> None:
        self._settings = settings
        self._files = files
        self._load = load
        self._index_folder = index_folder
        self.live = live
        self.other: Loaded | None = None
        self.state = files.store.load()
        self.router = self._router()
        self._lock = asyncio.Lock()
        self._seats: WeakSet[Seat] = WeakSet()
        self._proving: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pending = _Pending()
        self._resumed = asyncio.Event()
        table = settings.rollout.golden
        self._prover = Prover(Path(table) if table else fixtures_dir() / "manifest.tsv", self._hear)

    # --- the server around it -------------------------------------------------------------------

    def attach(self, answers: Answers, metrics: Metrics) -> Callable[[str], Seat]:
        """Take over who answers; what gives each session its seat."""
        self.answers, self.mirror = answers, Mirror(answers)
        self._metrics = RolloutMetrics(metrics.registry, self)
        return lambda session: Seat(self, session)

    def segmenter(self) -> Segmenter:
        """Of whoever answers by default."""
        return self.live.segmenter()

    def routes(self) -> list[Route]:
        """The API."""
        return RolloutRoutes(self, self._settings.rollout).routes()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Go on where it was left; the step is in force before the block is entered."""
        await self._come_back()
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            async with self._lock:  # no decision is half made
                ticking.cancel()
                if self._proving:
                    self._proving.cancel()
                self._files.close()

    async def _come_back(self) -> None:
        if self.state.other and self.state.phase is not Phase.PROVING:
            try:
                self.other = await self._loaded(self._files.registry.get(self.state.other))
                await asyncio.to_thread(self.other.pipeline.warm_up)
            except SpeechsearchError as error:
                why = f"it cannot be loaded: {error}"
                give_up = (
                    controller.let_go if self.state.phase is Phase.WARM else controller.rollback
                )
                await self.decide(
                    lambda state: give_up(state, time.time(), controller.CONTROLLER, why)
                )
        self._follow(self.state, self.state)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._settings.rollout.tick_s)
            try:
                for seat in list(self._seats):
                    if seat.clock() - seat.began_s > self._settings.rollout.session_s:
                        seat.over()
                await self.decide(lambda state: controller.tick(state, time.time()))
            except Exception:
                logging.exception("the rollout could not go on; it is tried again")

    # --- what a person asks for -----------------------------------------------------------------

    async def start(self, version: PipelineVersion, plan: Plan, who: str, card: str = "") -> None:
        """Let a version in; raises IllegalTransition, VersionError and what is wrong with it."""
        registry, now_s = self._files.registry, time.time()
        await self._install()
        await asyncio.to_thread(with_sections, self._settings, version.settings)
        controller.start(self.state, version.id, plan, now_s, who)  # raises before it is registered
        if version.id not in registry.ids():
            await asyncio.to_thread(registry.register, version, card or f"Started by {who}.\n")
        await self.decide(lambda state: controller.start(state, version.id, plan, now_s, who))

    async def version_with(self, changes: dict[str, dict[str, Any]]) -> PipelineVersion:
        """The champion with other settings; raises ConfigError, ModelError, SearchIndexError."""
        await self._install()
        champion = self._files.registry.get(self.state.champion)

        def make() -> PipelineVersion:
            settings = with_sections(self.live.settings, changes)
            return version_of(settings, self._index_folder(settings), champion)

        return await asyncio.to_thread(make)

    def registered(self, identity: str) -> PipelineVersion:
        """A version of the registry; raises VersionError."""
        return self._files.registry.get(identity)

    def history(self) -> tuple[list[Transition], list[Incident]]:
        """Everything that was decided, oldest first."""
        return self._files.store.history(), self._files.store.incidents()

    async def _install(self) -> None:
        """Whoever answers now is the first champion, where there is none yet."""
        if self.state.champion:
            return
        settings, registry = self.live.settings, self._files.registry
        version = await asyncio.to_thread(version_of, settings, self._index_folder(settings), None)
        if version.id not in registry.ids():
            await asyncio.to_thread(registry.register, version, "The first champion.\n")
        await self.decide(
            lambda s: (
                controller.install(s, version.id, time.time(), controller.CONTROLLER)
                if not s.champion
                else Decision(s)
            )
        )

    # --- what sessions tell ---------------------------------------------------------------------

    @property
    def step(self) -> Step:
        """The step that lasts."""
        judged = self.state.phase in JUDGED and self.other is not None
        return Step(self.state.rollout, self.state.since_s, judged)

    def joined(self, seat: Seat, arm: Arm, *, first: bool) -> None:
        """A session speaks for the first time since the rollout began, or first meets an arm."""
        self._seats.add(seat)
        self._pending.seen += first
        self._pending.met += arm.answered_by_challenger

    def heard(self, compared: Compared) -> None:
        """The challenger has heard an utterance too."""
        self._pending.compared += compared

    def count(self, step: Step, arm: Arm, ours: Values, theirs: Values) -> None:
        """A session is over: one observation."""

        def counted(state: State) -> Decision:
            if (step.rollout, step.since_s) != (state.rollout, state.since_s):
                return Decision(state)
            if arm is Arm.SHADOW:
                return Decision(controller.heard_by_both(state, step.rollout, ours, theirs))
            return Decision(controller.answered(state, step.rollout, arm, ours))

        self._spawn(counted)

    def failed(self, pipeline: Pipeline, error: Exception) -> None:
        """A version failed where another did not have to."""
        if self.other and pipeline is self.other.pipeline:
            logging.error("%s failed: %r", self.state.other, error)
            self._spawn(lambda state: controller.crashed(state, time.time()))

    def _spawn(self, decide: Callable[[State], Decision]) -> None:
        task = asyncio.create_task(self.decide(decide))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- decisions ------------------------------------------------------------------------------

    async def decide(self, decide: Callable[[State], Decision]) -> Decision:
        """Decide, keep, carry out; raises what ``decide`` raises, and StateError."""
        async with self._lock:
            kept, self.state = self.state, self._with_pending()
            before = self.state
            decision = decide(before)
            if decision.state is not kept or decision.transition:
                await asyncio.to_thread(self._files.store.save, decision)
            self.state = decision.state
            if decision.transition:
                logging.warning("rollout: %s", msgspec.json.encode(decision.transition).decode())
            if decision.incident:
                logging.error("incident: %s", msgspec.json.encode(decision.incident).decode())
            self._follow(before, decision.state)
        return decision

    def _with_pending(self) -> State:
        pending, self._pending = self._pending, _Pending()
        if pending == _Pending():
            return self.state
        return msgspec.structs.replace(
            self.state,
            seen=self.state.seen + pending.seen,
            met=self.state.met + pending.met,
            compared=self.state.compared + pending.compared,
        )

    def _follow(self, before: State, state: State) -> None:
        """Make it so, all at once as far as sessions can see."""
        if state.live is not before.live and self.other is not None:
            self.live, self.other = self.other, self.live
            self.answers.pipeline = self.live.pipeline
        if not state.other or state.phase is Phase.PROVING:
            self.other = None
        if state.rollout != self.router.rollout:
            self.router = self._router()
        self.router.shares = state.shares
        self._resumed.clear() if state.paused else self._resumed.set()
        self.mirror.watch(state.phase is Phase.SHADOW)
        if state.phase is Phase.PROVING:
            if self._proving is None or self._proving.done():
                self._proving = asyncio.create_task(self._prove(state.rollout, state.other))
        elif self._proving and self._proving is not asyncio.current_task():
            self._proving.cancel()
        if before is state or before.phase is not state.phase:
            self._note_stages(state)

    def _note_stages(self, state: State) -> None:
        """Bring the registry up to date; it is told after the state and never asked for it."""
        try:
            stages = self._files.registry.stages()
            wanted = {one: Stage.ROLLED_BACK for one, stage in stages.items() if stage in ON_TRIAL}
            if state.other:
                wanted[state.other] = STAGES.get(state.phase, Stage.RETIRED)
            if state.champion:
                wanted[state.champion] = Stage.CHAMPION
            self._files.registry.move(
                {one: stage for one, stage in wanted.items() if stages.get(one) is not stage}
            )
        except RolloutError as error:
            logging.warning("the registry's stages are behind: %s", error)

    def _router(self) -> Router:
        return Router(self._files.key, self.state.rollout, self.state.shares)

    # --- the other colour -----------------------------------------------------------------------

    async def _loaded(self, version: PipelineVersion) -> Loaded:
        settings = with_sections(self._settings, version.settings)
        return await asyncio.to_thread(self._load, settings, beside=self.live)

    async def _prove(self, rollout: str, identity: str) -> None:
        """Load, warm up, hear the golden utterances; then the shadow begins, or all is over."""
        loaded: Loaded | None = None
        try:
            loaded = await self._loaded(self._files.registry.get(identity))
            await asyncio.to_thread(loaded.pipeline.warm_up)
            faults = await self._prover.faults(self.live.pipeline, loaded.pipeline)
        except SpeechsearchError as error:
            faults = str(error)
        if self.state.plan.switch and not faults:
            await self._resumed.wait()

        def proved(state: State) -> Decision:
            if state.rollout != rollout or state.phase is not Phase.PROVING:
                return Decision(state)
            self.other = loaded
            return controller.proved(state, faults, time.time())

        await self.decide(proved)

    async def _hear(self, pipeline: Pipeline, sound: Audio) -> Result:
        """A whole recording, behind all who speak."""
        spoken = Spoken(Utterance(0, sound, 0), len(sound))
        work = answering(spoken, pipeline)
        answered = await self.answers.submit(work, Priority.RECORDING, self).outcome
        if answered is None:
            raise IllegalTransition("the server is ending", hint="It goes on when it is back")
        return answered.result
