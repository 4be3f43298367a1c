"""A model that learns: weights, their moving average, optimiser, teacher ([torch] extra).

Everything random in a step follows from the recipe's seed and the step's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.asr.positioned import load_torch, table_frames
from speechsearch.errors import RecipeError, TrainingError
from speechsearch.learning.training.examples import Examples
from speechsearch.learning.training.objective import (
    groups,
    letters_loss,
    logits_of,
    prepare,
    same_letters_and_frames,
    teacher_loss,
)
from speechsearch.learning.training.recipe import Recipe
from speechsearch.learning.training.schedule import average_decay, letters_factor, rate_factor
from speechsearch.types import SAMPLE_RATE_HZ

MOST_BAD_STEPS = 10
"""Steps in a row whose gradient is no number, before it is given up"""
BETAS = (0.9, 0.98)
"""Of AdamW, as wav2vec 2.0 was trained (Baevski et al. 2020)"""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a step was about."""

    loss: float
    letters: float
    teacher: float
    gradient: float


class Learner:
    """Takes steps."""

    def __init__(self, recipe: Recipe, start: Path, teacher: Path | None, device: str) -> None:
        """Checkpoint folders; raises ModelError, or RecipeError for what does not fit."""
        self._recipe, self._device = recipe, device
        self.checkpoint = Checkpoint.open(start)
        self.model = load_torch(start, fused_attention=True)
        self._check_lengths(start)
        self._extra = prepare(self.model, recipe.augment)
        self.model.to(device)
        self._teacher = self._load_teacher(start, teacher)
        self._optimiser = torch.optim.AdamW(groups(self.model, recipe.optimiser), betas=BETAS)
        state = self.model.state_dict()
        self._average = {name: weight.detach().clone() for name, weight in state.items()}
        kept = self._average if recipe.optimiser.keep else {}
        self._begun = {name: weight.clone() for name, weight in kept.items()}
        self._bad_steps = 0

    def learn(self, examples: Examples, step: int, done: float) -> Learned:
        """Step 0, 1, …; ``done`` is the share of the training that is behind it."""
        options = self._recipe.optimiser
        _seed(self._recipe.seed, step)
        for group in self._optimiser.param_groups:
            factor = letters_factor if group["name"] == "letters" else rate_factor
            group["lr"] = group["rate"] * factor(step, done, options)
        letters, teacher = self._blame(examples)
        loss = letters + teacher
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip_norm)
        self._apply(float(norm), step)
        return Learned(*(float(one.detach()) for one in (loss, letters, teacher, norm)))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model with the weights that come out, as one uses it."""
        own = {name: weight.clone() for name, weight in self.model.state_dict().items()}
        self.model.load_state_dict(self._coming_out())
        self.model.eval()
        try:
            yield
        finally:
            self.model.load_state_dict(own)
            self.model.train()

    def state(self) -> dict[str, dict[str, Any]]:
        """All that going on needs: ``model``, ``average``, ``optimiser``."""
        return {
            "model": self.model.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
        }

    def go_on(self, state: dict[str, dict[str, Any]]) -> None:
        """Be as ``state`` says."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        for name, weight in state["average"].items():
            self._average[name].copy_(weight)

    def result(self) -> dict[str, torch.Tensor]:
        """The weights that come out, without those that training alone needed."""
        return {
            name: weight.detach().cpu().contiguous()
            for name, weight in self._coming_out().items()
            if name not in self._extra
        }

    @property
    def _reduced(self) -> bool:
        """bfloat16 in the encoder: only on a GPU (on a CPU it can be 30 times slower)."""
        return self._device != "cpu"

    def _coming_out(self) -> dict[str, torch.Tensor]:
        """The averaged weights, and the recipe's share of those begun with."""
        keep = self._recipe.optimiser.keep
        mixed = {
            name: self._average[name].lerp(weight, keep) for name, weight in self._begun.items()
        }
        return mixed or self._average

    def _blame(self, examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
        """What the transcripts say, and what the teacher says."""
        examples = replace(examples, heard=examples.heard.to(self._device))
        how = {"masked": self.checkpoint.local_features, "reduced": self._reduced}
        self.model.train()
        log_probs = logits_of(self.model, examples.heard, **how).log_softmax(dim=-1)
        letters = letters_loss(log_probs, examples, self.checkpoint.vocabulary.blank_id)
        if examples.clean is None or self._teacher is None:
            return letters, torch.zeros((), device=letters.device)
        with torch.no_grad():
            taught = logits_of(self._teacher, examples.clean.to(self._device), **how)
        return letters, teacher_loss(log_probs, taught.log_softmax(dim=-1), examples)

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
            for name, weight in self.model.state_dict().items():
                self._average[name].lerp_(weight, 1 - decay)

    def _load_teacher(self, start: Path, folder: Path | None) -> Any:
        if folder is None:
            return None
        if not same_letters_and_frames(Checkpoint.open(folder), self.checkpoint):
            raise RecipeError(
                f"{folder} writes other letters, or at other frames, than {start}",
                hint="Use it for pseudo-labels instead: speechsearch pseudolabel",
            )
        return load_torch(folder, fused_attention=True).requires_grad_(False).to(self._device)

    def _check_lengths(self, start: Path) -> None:
        """Slowed down and between silences, the longest must fit the model's positions."""
        lengths, reach = self._recipe.lengths, table_frames(self.model)
        slowest = min((*self._recipe.augment.speeds, 1.0))
        longest_s = lengths.longest_s / slowest + 2 * lengths.most_silence_ms / 1000
        if reach and self.checkpoint.timing.frames(int(longest_s * SAMPLE_RATE_HZ)) > reach:
            raise RecipeError(
                f"recordings of {lengths.longest_s:g} s, slowed down and between silences, are "
                f"longer than the {reach} frames that {start} reaches",
                hint="Lower lengths.longest_s",
            )


def _seed(seed: int, step: int) -> None:
    """Dropout and masks of this very step."""
    first, second = np.random.SeedSequence([seed, step]).generate_state(2)
    torch.manual_seed(int(first))
    np.random.seed(int(second))  # transformers draws its masks from there
