"""A recipe carried out: step after step, watched, saved, gone on with ([torch] extra).

A training that was killed makes the very steps that it would have made: batches and random numbers
follow from the recipe and the step's number, all else is in the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from speechsearch.asr.checkpoint import WEIGHTS_FILE
from speechsearch.clock import Clock, monotonic_s
from speechsearch.errors import TrainingError
from speechsearch.learning.training import state as states
from speechsearch.learning.training.batches import Place, batches_from
from speechsearch.learning.training.corpus import Corpus, Speller, read_corpus
from speechsearch.learning.training.examples import Examples, Kitchen
from speechsearch.learning.training.learner import Learner
from speechsearch.learning.training.metrics import Metrics
from speechsearch.learning.training.provenance import README, provenance
from speechsearch.learning.training.recipe import Recipe
from speechsearch.learning.training.run_folder import alone, write_checkpoint
from speechsearch.learning.training.schedule import rate_factor, share_done
from speechsearch.learning.training.spectator import Spectator, Stepped
from speechsearch.learning.training.state import State
from speechsearch.learning.training.watch import hear, listener, rows_of


@dataclass(frozen=True, slots=True)
class Where:
    """Where it is computed."""

    device: str = "cpu"
    """``cpu`` or ``cuda``"""
    makers: int = 0
    """Threads that make batches ahead; 0: in between"""
    threads: int | None = None
    """Of the CPU; the recipe's if not given"""


class Training:
    """A recipe in its folder; begins, or goes on where the folder's newest state is."""

    def __init__(
        self,
        recipe: Recipe,
        start: Path,
        teacher: Path | None,
        *,
        where: Where | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        """``start`` and ``teacher`` are checkpoint folders.

        Raises ModelError for one that is none, RecipeError for what does not fit together.
        """
        self._recipe, self._start, self._clock = recipe, start, clock
        self._where = where or Where()
        self._folder = Path(recipe.out)
        torch.set_num_threads(self._where.threads or recipe.threads)
        self._learner = Learner(recipe, start, teacher, self._where.device)
        self._state = State(0, Place(), recipe.fingerprint, 0.0, 0.0, {}, {}, {})

    def run(self, spectator: Spectator, stop: Callable[[], bool] = lambda: False) -> Path | None:
        """Work until all steps are done; the folder of what came out, None where it was stopped.

        ``stop`` is asked after each step. Raises TableError or RecipeError for data that does not
        fit, TrainingError where the folder belongs to another recipe or to another process.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with alone(self._folder):
            self._go_on()
            corpus = self._read_corpus()
            spectator.started(corpus, self._state.step)
            metrics = Metrics(self._folder, self._state.step)
            try:
                done = self._work(corpus, spectator, metrics, stop)
            finally:
                metrics.close()
            return self._result(corpus) if done else None

    def _work(
        self, corpus: Corpus, spectator: Spectator, metrics: Metrics, stop: Callable[[], bool]
    ) -> bool:
        """All steps that are left; whether they were made."""
        recipe, first = self._recipe, self._state
        began_s = saved_s = self._clock()
        if not first.step:
            self._watch(spectator, metrics)
        for examples in self._examples(corpus):
            if self._done >= 1:
                break
            self._step(examples, first, began_s, spectator, metrics)
            last = self._done >= 1
            if last or self._state.step % recipe.watch_every_steps == 0:
                self._watch(spectator, metrics)
            stopped = stop()
            if last or stopped or self._clock() - saved_s >= recipe.save_every_s:
                spectator.saved(self._save())
                saved_s = self._clock()
            if stopped and not last:
                return False
        return True

    def _step(
        self,
        examples: Examples,
        first: State,
        began_s: float,
        spectator: Spectator,
        metrics: Metrics,
    ) -> None:
        recipe, step, done = self._recipe, self._state.step, self._done
        learned = self._learner.learn(examples, step, done)
        working_s = self._clock() - began_s
        self._state = replace(
            self._state,
            step=step + 1,
            place=examples.after,
            heard_s=self._state.heard_s + examples.seconds,
            worked_s=first.worked_s + working_s,
        )
        gained = self._done - share_done(first.step, first.worked_s, recipe.optimiser)
        stepped = Stepped(
            step=self._state.step,
            epoch=self._state.place.epoch,
            **asdict(learned),
            rate=recipe.optimiser.encoder_rate * rate_factor(step, done, recipe.optimiser),
            heard_s=self._state.heard_s,
            worked_s=self._state.worked_s,
            left_s=max(0.0, 1 - self._done) * working_s / max(gained, 1e-9),
        )
        metrics.write(stepped.row)
        spectator.stepped(stepped)

    @property
    def _done(self) -> float:
        """The share of the training that is behind it."""
        return share_done(self._state.step, self._state.worked_s, self._recipe.optimiser)

    def _examples(self, corpus: Corpus) -> Iterator[Examples]:
        recipe, about = self._recipe, self._learner.checkpoint
        kitchen = Kitchen(recipe, corpus.utterances, about.timing, normalised=about.normalise)
        around_s = recipe.lengths.most_silence_ms / 1000
        plan = batches_from(
            self._state.place,
            [one.seconds + around_s for one in corpus.utterances],
            [recipe.speech[one.part].times for one in corpus.utterances],
            recipe.optimiser.batch_s,
            recipe.seed,
        )
        return kitchen.make_all(plan, self._where.makers)

    def _watch(self, spectator: Spectator, metrics: Metrics) -> None:
        """Hear the watched tables with the averaged weights."""
        recipe, learner = self._recipe, self._learner
        if not recipe.watch:
            return
        with learner.averaged():
            listen = listener(learner.model, learner.checkpoint, self._where.device)
            tables = [
                hear(watch.name, rows_of(watch, recipe.seed), listen, recipe.samples)
                for watch in recipe.watch
            ]
        for table in tables:
            metrics.write(table.row(self._state.step))
        spectator.watched(self._state.step, tables)

    def _save(self) -> Path:
        learner: dict[str, Any] = self._learner.state()
        return states.save(self._folder, replace(self._state, **learner))

    def _go_on(self) -> None:
        """Take up the newest state of the folder, if there is one."""
        found = states.newest(self._folder)
        if found is None:
            return
        if found.fingerprint != self._recipe.fingerprint:
            raise TrainingError(
                f"{self._folder} holds the training of another recipe, or of this before a change",
                hint="Give the recipe another folder (out), or --out DIR",
            )
        self._learner.go_on(
            {"model": found.model, "average": found.average, "optimiser": found.optimiser}
        )
        self._state = replace(found, model={}, average={}, optimiser={})

    def _result(self, corpus: Corpus) -> Path:
        def write(folder: Path) -> None:
            save_file(self._learner.result(), folder / WEIGHTS_FILE, metadata={"format": "pt"})
            (folder / WEIGHTS_FILE).chmod(0o644)  # safetensors leaves it to its owner alone
            told = provenance(self._recipe, corpus, self._start, self._state.step)
            (folder / README).write_text(told, encoding="utf-8")

        return write_checkpoint(self._folder, self._start, write)

    def _read_corpus(self) -> Corpus:
        recipe, about = self._recipe, self._learner.checkpoint
        speller = Speller(about.vocabulary)
        return read_corpus(recipe.speech, recipe.lengths, speller, about.timing, recipe.seed)
