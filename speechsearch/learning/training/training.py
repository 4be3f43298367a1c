"""A recipe carried out: step after step, watched, saved, gone on with ([torch] extra).

On one screen: batch -> sounds -> log-probabilities -> blame -> step -> moving average. All that is
random in a step follows from the recipe's seed and the step's number, so a state needs no
generators and a training that was killed makes the very steps that it would have made.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import save_file

from speechsearch.asr.checkpoint import CHECKPOINT_FILES, WEIGHTS_FILE, Checkpoint
from speechsearch.asr.positioned import load_torch, table_frames
from speechsearch.clock import Clock, monotonic_s
from speechsearch.errors import RecipeError, TrainingError
from speechsearch.learning.training import state as states
from speechsearch.learning.training.batches import Place, batches_from
from speechsearch.learning.training.corpus import Corpus, Speller, read_corpus
from speechsearch.learning.training.examples import Examples, Kitchen
from speechsearch.learning.training.learner import (
    groups,
    letters_loss,
    logits_of,
    prepare,
    same_letters_and_frames,
    teacher_loss,
)
from speechsearch.learning.training.metrics import Metrics
from speechsearch.learning.training.recipe import Recipe
from speechsearch.learning.training.schedule import average_decay, letters_factor, rate_factor
from speechsearch.learning.training.state import State
from speechsearch.learning.training.watch import Watched, hear, listener, rows_of
from speechsearch.types import SAMPLE_RATE_HZ

RESULT = "checkpoint"
"""Folder of what came out, in Hugging Face layout"""
LOCK_FILE = ".lock"
MOST_BAD_STEPS = 10
"""Steps in a row whose gradient is no number, before it is given up"""


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step."""

    step: int
    """From 1"""
    epoch: int
    loss: float
    letters: float
    """CTC, nats a letter"""
    teacher: float
    """Divergence, nats a frame"""
    gradient: float
    """Its norm before it was clipped"""
    rate: float
    """Of the encoder"""
    heard_s: float
    """Sound learned from so far, without padding"""
    worked_s: float
    left_s: float
    """How long the rest will take, at the pace of this run"""


class Spectator(Protocol):
    """Sees what happens; changes nothing."""

    def started(self, corpus: Corpus, steps_done: int) -> None:
        """The data is known; so many steps were done before."""

    def stepped(self, stepped: Stepped) -> None:
        """A step is done."""

    def watched(self, step: int, tables: list[Watched]) -> None:
        """The watched tables were heard."""

    def saved(self, path: Path) -> None:
        """All that going on needs is on disk."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where it is computed."""

    device: str = "cpu"
    """``cpu`` or ``cuda``"""
    makers: int = 0
    """Threads that make batches ahead; 0: in between"""

    @property
    def reduced(self) -> bool:
        """bfloat16 in the encoder: only on a GPU (on a CPU it can be 30 times slower)."""
        return self.device != "cpu"


class Training:
    """A recipe in its folder; begins, or goes on where the folder's newest state is."""

    def __init__(
        self,
        recipe: Recipe,
        start: Path,
        teacher: Path | None,
        *,
        where: Where | None = None,
        threads: int | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        """``start`` and ``teacher`` are checkpoint folders.

        Raises RecipeError, ModelError, TableError for what does not fit, TrainingError where the
        folder belongs to another recipe.
        """
        self._recipe, self._start, self._clock = recipe, start, clock
        self._where = where or Where()
        self._folder = Path(recipe.out)
        torch.set_num_threads(threads or recipe.threads)
        self._checkpoint = Checkpoint.open(start)
        self._model = load_torch(start, fused_attention=True)
        self._extra = prepare(self._model, recipe.augment)
        self._model.to(self._where.device)
        self._teacher = self._load_teacher(teacher)
        self._optimiser = torch.optim.AdamW(groups(self._model, recipe.optimiser), betas=(0.9, 0.98))
        self._average = {
            name: weight.detach().clone() for name, weight in self._model.state_dict().items()
        }
        self._state = self._blank_state()
        self._bad_steps = 0
        self._check_lengths()

    def run(self, spectator: Spectator, stop: Callable[[], bool] = lambda: False) -> Path | None:
        """Work until all steps are done; the folder of what came out, None where it was stopped.

        ``stop`` is asked after each step.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with _alone(self._folder):
            self._go_on()
            corpus = self._read_corpus()
            spectator.started(corpus, self._state.step)
            self._metrics = Metrics(self._folder, self._state.step)
            try:
                done = self._work(corpus, spectator, stop)
            finally:
                self._metrics.close()
            return self._write_result() if done else None

    def _work(self, corpus: Corpus, spectator: Spectator, stop: Callable[[], bool]) -> bool:
        recipe, first = self._recipe, self._state.step
        began_s = saved_s = self._clock()
        before_s = self._state.worked_s
        if not first:
            self._watch(spectator)
        for examples in self._examples(corpus):
            if self._state.step >= recipe.optimiser.steps:
                break
            report = self._step(examples)
            now_s = self._clock()
            self._state = replace(self._state, worked_s=before_s + now_s - began_s)
            pace_s = (now_s - began_s) / (self._state.step - first)
            left_s = pace_s * (recipe.optimiser.steps - self._state.step)
            stepped = replace(report, worked_s=self._state.worked_s, left_s=left_s)
            self._metrics.write({"kind": "step", **_rounded(stepped)})
            spectator.stepped(stepped)
            last = self._state.step >= recipe.optimiser.steps
            if last or self._state.step % recipe.watch_every_steps == 0:
                self._watch(spectator)
            stopped = stop()
            if last or stopped or self._clock() - saved_s >= recipe.save_every_s:
                spectator.saved(self._save())
                saved_s = self._clock()
            if stopped and not last:
                return False
        return True

    def _examples(self, corpus: Corpus) -> Iterator[Examples]:
        recipe = self._recipe
        kitchen = Kitchen(
            recipe,
            corpus.utterances,
            self._checkpoint.timing,
            normalised=self._checkpoint.normalise,
        )
        around_s = recipe.lengths.most_silence_ms / 1000
        plan = batches_from(
            self._state.place,
            [one.seconds + around_s for one in corpus.utterances],
            [recipe.speech[one.part].times for one in corpus.utterances],
            recipe.optimiser.batch_s,
            recipe.seed,
        )
        return kitchen.make_all(plan, self._where.makers)

    def _step(self, examples: Examples) -> Stepped:
        recipe, step = self._recipe, self._state.step
        _seed(recipe.seed, step)
        for group in self._optimiser.param_groups:
            factor = letters_factor if group["name"] == "letters" else rate_factor
            group["lr"] = group["rate"] * factor(step, recipe.optimiser)
        letters, teacher = self._blame(examples)
        loss = letters + teacher
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradient = float(
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), recipe.optimiser.clip_norm)
        )
        self._apply(gradient, step)
        self._state = replace(
            self._state,
            step=step + 1,
            place=examples.after,
            heard_s=self._state.heard_s + examples.seconds,
        )
        return Stepped(
            step=step + 1,
            epoch=examples.after.epoch,
            loss=float(loss.detach()),
            letters=float(letters.detach()),
            teacher=float(teacher.detach()),
            gradient=gradient,
            rate=recipe.optimiser.encoder_rate * rate_factor(step, recipe.optimiser),
            heard_s=self._state.heard_s,
            worked_s=0.0,
            left_s=0.0,
        )

    def _blame(self, examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
        """What the transcripts say, and what the teacher says."""
        examples = replace(examples, heard=examples.heard.to(self._where.device))
        self._model.train()
        logits = logits_of(
            self._model,
            examples.heard,
            masked=self._checkpoint.local_features,
            reduced=self._where.reduced,
        )
        log_probs = logits.log_softmax(dim=-1)
        letters = letters_loss(log_probs, examples, self._checkpoint.vocabulary.blank_id)
        if examples.clean is None or self._teacher is None:
            return letters, torch.zeros((), device=letters.device)
        with torch.no_grad():
            taught = logits_of(
                self._teacher,
                examples.clean.to(self._where.device),
                masked=self._checkpoint.local_features,
                reduced=self._where.reduced,
            ).log_softmax(dim=-1)
        return letters, teacher_loss(log_probs, taught, examples)

    def _apply(self, gradient: float, step: int) -> None:
        """Move the weights and their average; a gradient that is no number moves nothing."""
        if not np.isfinite(gradient):
            self._bad_steps += 1
            if self._bad_steps >= MOST_BAD_STEPS:
                raise TrainingError(
                    f"the gradient was no number {MOST_BAD_STEPS} times in a row, at step {step}",
                    hint="Lower the rates, or begin from another checkpoint",
                )
            return
        self._bad_steps = 0
        self._optimiser.step()
        decay = average_decay(step, self._recipe.optimiser.average)
        with torch.no_grad():
            for name, weight in self._model.state_dict().items():
                self._average[name].lerp_(weight, 1 - decay)

    def _watch(self, spectator: Spectator) -> None:
        """Hear the watched tables with the averaged weights."""
        recipe, step = self._recipe, self._state.step
        if not recipe.watch:
            return
        with self._averaged():
            listen = listener(self._model, self._checkpoint, self._where.device)
            tables = [
                hear(watch.name, rows_of(watch, recipe.seed), listen, recipe.samples)
                for watch in recipe.watch
            ]
        for table in tables:
            row = {
                "name": table.name,
                "recordings": table.recordings,
                "wer": round(table.errors.wer, 5),
                "cer": round(table.errors.cer, 5),
                "samples": [{"said": one.said, "heard": one.heard} for one in table.samples],
            }
            self._metrics.write({"kind": "watch", "step": step, **row})
        spectator.watched(step, tables)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The model with its averaged weights, as one uses it."""
        own = {name: weight.clone() for name, weight in self._model.state_dict().items()}
        self._model.load_state_dict(self._average)
        self._model.eval()
        try:
            yield
        finally:
            self._model.load_state_dict(own)
            self._model.train()

    def _save(self) -> Path:
        return states.save(
            self._folder,
            replace(
                self._state,
                model=self._model.state_dict(),
                average=self._average,
                optimiser=self._optimiser.state_dict(),
            ),
        )

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
        self._model.load_state_dict(found.model)
        self._optimiser.load_state_dict(found.optimiser)
        for name, weight in found.average.items():
            self._average[name].copy_(weight)
        self._state = replace(found, model={}, average={}, optimiser={})

    def _write_result(self) -> Path:
        """The averaged weights as a checkpoint folder; whole or not there."""
        target = self._folder / RESULT
        aside = self._folder / f"{RESULT}.part"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for name in CHECKPOINT_FILES:
            if (self._start / name).exists():
                shutil.copyfile(self._start / name, aside / name)
        weights = {
            name: weight.detach().cpu().contiguous()
            for name, weight in self._average.items()
            if name not in self._extra
        }
        save_file(weights, aside / WEIGHTS_FILE, metadata={"format": "pt"})
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
        return target

    def _read_corpus(self) -> Corpus:
        speller = Speller(self._checkpoint.vocabulary)
        recipe = self._recipe
        return read_corpus(
            recipe.speech, recipe.lengths, speller, self._checkpoint.timing, recipe.seed
        )

    def _load_teacher(self, folder: Path | None) -> Any:
        if folder is None:
            return None
        if not same_letters_and_frames(Checkpoint.open(folder), self._checkpoint):
            raise RecipeError(
                f"{folder} writes other letters, or at other frames, than {self._start}",
                hint="Use it for pseudo-labels instead: speechsearch pseudolabel",
            )
        return load_torch(folder, fused_attention=True).requires_grad_(False).to(self._where.device)

    def _check_lengths(self) -> None:
        """Slowed down and between silences, the longest must fit the model's positions."""
        lengths, reach = self._recipe.lengths, table_frames(self._model)
        slowest = min((*self._recipe.augment.speeds, 1.0))
        longest_s = lengths.longest_s / slowest + 2 * lengths.most_silence_ms / 1000
        if reach and self._checkpoint.timing.frames(int(longest_s * SAMPLE_RATE_HZ)) > reach:
            raise RecipeError(
                f"recordings of {lengths.longest_s:g} s, slowed down and between silences, are "
                f"longer than the {reach} frames that {self._start} reaches",
                hint="Lower lengths.longest_s",
            )

    def _blank_state(self) -> State:
        return State(0, Place(), self._recipe.fingerprint, 0.0, 0.0, {}, {}, {})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No two trainings in one folder; the lock goes with the process, however it ends."""
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(
                f"another training is at work in {folder}", hint="Wait for it, or give --out DIR"
            ) from error
        yield


def _seed(seed: int, step: int) -> None:
    """Dropout and masks of this very step."""
    first, second = np.random.SeedSequence([seed, step]).generate_state(2)
    torch.manual_seed(int(first))
    np.random.seed(int(second))  # transformers draws its masks from there


def _rounded(stepped: Stepped) -> Mapping[str, Any]:
    """Times to the millisecond; losses in full, to be compared."""
    row = {name: getattr(stepped, name) for name in Stepped.__slots__}
    for name in ("heard_s", "worked_s", "left_s"):
        row[name] = round(row[name], 3)
    return row
