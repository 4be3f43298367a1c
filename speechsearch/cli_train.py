"""The verb ``train``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from speechsearch.cli_shared import errors, output, reports
from speechsearch.config import load_settings
from speechsearch.errors import TrainingError
from speechsearch.types import Device

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from speechsearch.learning.training.corpus import Corpus
    from speechsearch.learning.training.recipe import Recipe
    from speechsearch.learning.training.spectator import Stepped, Watched
    from speechsearch.learning.training.training import Where

SAID_EVERY_STEPS = 50
"""Lines in a log, where no progress bar can be shown"""


@reports
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="TOML; see learning/recipes")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the run, not the recipe's"),
    ] = None,
    device: Annotated[
        Device, typer.Option("--device", help="Where it is computed [auto: a GPU if any]")
    ] = Device.AUTO,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the CPU, not the recipe's")
    ] = None,
) -> None:
    """Train a CTC model by a recipe; given again, it goes on where it was, after kill -9 too.

    The run's folder gets metrics.jsonl, a state every few minutes, and in the end checkpoint/,
    which speechsearch models export makes a model of. Ctrl-C ends it after the present step.

    Example: speechsearch train speechsearch/learning/recipes/adapt.toml
    """
    _need_torch()
    import msgspec

    from speechsearch.learning.training.recipe import read_recipe
    from speechsearch.learning.training.training import Training

    read = read_recipe(recipe)
    if out:
        read = msgspec.structs.replace(read, out=str(out.resolve()))
    where = replace(_where(device), threads=threads)
    start, teacher = _folder(read.start), _folder(read.teacher) if read.teacher else None
    training = Training(read, start, teacher, where=where)
    errors.print(f"training in {read.out}, on {where.device}", markup=False, soft_wrap=True)
    with _asked_to_stop() as stop, Shown.open(read) as shown:
        made = training.run(shown, stop)
    if made is None:
        errors.print("stopped; the same command goes on from here", markup=False)
        raise typer.Exit(130)
    output.print(
        f"{made}: speechsearch models export makes a model of it", markup=False, soft_wrap=True
    )


def _need_torch() -> None:
    import importlib.util

    names = ("torch", "torchaudio", "transformers", "safetensors")
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training needs {', '.join(missing)}", hint="pip install 'speechsearch[torch]'"
        )


def _folder(name: str) -> Path:
    """Of a checkpoint, or of a model at hand."""
    from speechsearch.asr.folder import find_model

    path = Path(name)
    return path if path.is_dir() else find_model(name, load_settings().model_dirs).path


def _where(device: Device) -> Where:
    import torch

    from speechsearch.learning.training.training import Where

    there = torch.cuda.is_available()
    if device is Device.CUDA and not there:
        raise TrainingError("torch sees no GPU here", hint="Leave --device out, or give cpu")
    return Where("cuda", makers=8) if there and device is not Device.CPU else Where()


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM are heeded after the present step."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Shown:
    """What happens, on stderr: a bar in a terminal, lines in a log."""

    def __init__(self, recipe: Recipe, progress: Progress, bar: TaskID) -> None:
        self._minutes = recipe.optimiser.minutes
        self._progress, self._bar = progress, bar

    @classmethod
    @contextmanager
    def open(cls, recipe: Recipe) -> Iterator[Shown]:
        """Show a bar until the end."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=errors) as progress:
            optimiser = recipe.optimiser
            total = round(optimiser.minutes * 60) if optimiser.minutes else optimiser.steps
            yield cls(recipe, progress, progress.add_task("", total=total))

    def started(self, corpus: Corpus, steps_done: int) -> None:
        """Say what is learned from."""
        parts = sorted({one.part for one in corpus.utterances})
        minutes = ", ".join(f"{corpus.minutes(part):.1f}" for part in parts)
        self._say(f"{len(corpus.utterances)} recordings, minutes by part: {minutes}")
        for reason, count in corpus.left_out.items():
            self._say(f"left out, {reason}: {count}")
        if steps_done:
            self._say(f"going on after step {steps_done}")
        if not self._minutes:
            self._progress.update(self._bar, completed=steps_done)

    def stepped(self, stepped: Stepped) -> None:
        """Move the bar."""
        left = timedelta(seconds=round(stepped.left_s))
        said = f"letters {stepped.letters:.3f}  teacher {stepped.teacher:.3f}  {left} left"
        done = round(stepped.worked_s) if self._minutes else stepped.step
        self._progress.update(self._bar, completed=done, description=said)
        if not errors.is_terminal and stepped.step % SAID_EVERY_STEPS == 0:
            self._say(f"step {stepped.step}  {said}")

    def watched(self, step: int, tables: list[Watched]) -> None:
        """Error rates, and what some recordings sound like to it."""
        for table in tables:
            rates = f"WER {table.errors.wer:.3f}  CER {table.errors.cer:.3f}"
            self._say(f"step {step}  {table.name} (n {table.recordings})  {rates}")
            for sample in table.samples:
                self._say(f"    {sample.said}\n  > {sample.heard}")

    def saved(self, path: Path) -> None:
        """Nothing to say: it happens every few minutes."""

    def _say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, soft_wrap=True)
