"""All that a recipe needs, in one folder: its speech coded anew, its noise, its start, the code."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import soundfile

import speechsearch
from speechsearch.asr.checkpoint import CHECKPOINT_FILES, WEIGHTS_FILE
from speechsearch.audio.player import read_audio
from speechsearch.learning.conditions import ROOM_KIND
from speechsearch.learning.table import Recording, read_table
from speechsearch.learning.training.corpus import chosen
from speechsearch.learning.training.recipe import Recipe, Speech, Watch
from speechsearch.learning.training.watch import rows_of
from speechsearch.types import SAMPLE_RATE_HZ, Audio

RECIPE, CODE, START, TEACHER, SOUNDS = "recipe.toml", "code", "start", "teacher", "sounds"
CARD = "README.md"
IN_A_FOLDER = 1000
OPUS_SLOWEST_KBITS, OPUS_FASTEST_KBITS = 6.0, 256.0
"""What libsndfile makes of the compression levels 1 and 0"""


@dataclass(slots=True)
class Sounds:
    """The recordings of all tables, each once."""

    folder: Path
    kbits: float
    seconds: float = 0.0
    """Of speech"""
    _names: dict[Path, str] = field(default_factory=dict)

    def add(self, path: Path, *, speech: bool) -> str:
        """Its path below the pack: speech coded anew as Opus, noise and rooms as they are."""
        source = path.resolve()
        if source not in self._names:
            number = len(self._names)
            suffix = ".opus" if speech else source.suffix
            name = f"{SOUNDS}/{number // IN_A_FOLDER:03d}/{number:06d}{suffix}"
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if speech:
                self._code(read_audio(source), target)
            else:
                shutil.copyfile(source, target)
            self._names[source] = name
        return self._names[source]

    def _code(self, samples: Audio, target: Path) -> None:
        self.seconds += len(samples) / SAMPLE_RATE_HZ
        span = OPUS_FASTEST_KBITS - OPUS_SLOWEST_KBITS
        level = 1 - (self.kbits - OPUS_SLOWEST_KBITS) / span
        soundfile.write(
            target, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=level
        )


def pack(
    recipe: Recipe,
    models: Mapping[str, Path],
    folder: Path,
    kbits: float,
    note: Callable[[str], None] = lambda _line: None,
) -> Recipe:
    """Fill the folder; the recipe as it lies there, its paths relative to it.

    ``models``: the recipe's names of start and teacher -> their folders. Raises TableError for a
    recording that cannot be read, ValueError for a rate that Opus does not have.
    """
    if not OPUS_SLOWEST_KBITS <= kbits <= OPUS_FASTEST_KBITS:
        raise ValueError(f"{kbits:g} kbit/s: give {OPUS_SLOWEST_KBITS:g} to {OPUS_FASTEST_KBITS:g}")
    tables = _Tables(folder, Sounds(folder, kbits), note)
    packed = msgspec.structs.replace(
        recipe,
        out="run",
        start=_model(models[recipe.start], folder / START),
        teacher=_model(models[recipe.teacher], folder / TEACHER) if recipe.teacher else "",
        speech=tuple(tables.speech(n, part, recipe.seed) for n, part in enumerate(recipe.speech)),
        watch=tuple(tables.watch(n, watch, recipe.seed) for n, watch in enumerate(recipe.watch)),
        augment=msgspec.structs.replace(
            recipe.augment,
            rooms=tables.whole("rooms.tsv", recipe.augment.rooms, rooms=True),
            noise=tables.whole("noise.tsv", recipe.augment.noise, rooms=False),
        ),
    )
    (folder / RECIPE).write_text(as_toml(packed), encoding="utf-8")
    _code(folder / CODE)
    return packed


class _Tables:
    """Tables whose recordings lie in the pack, and of which all rows are meant."""

    def __init__(self, folder: Path, sounds: Sounds, note: Callable[[str], None]) -> None:
        self._folder, self._sounds, self._note = folder, sounds, note

    def speech(self, number: int, part: Speech, seed: int) -> Speech:
        """To learn from: what the recipe chooses, chosen."""
        table = self._write(f"speech-{number}.tsv", chosen(part, seed), speech=True)
        return msgspec.structs.replace(part, table=table, where={}, minutes=None)

    def watch(self, number: int, watch: Watch, seed: int) -> Watch:
        """To be heard while training."""
        table = self._write(f"watch-{number}.tsv", rows_of(watch, seed), speech=True)
        return msgspec.structs.replace(watch, table=table, where={}, most=None)

    def whole(self, name: str, table: str, *, rooms: bool) -> str:
        """The rooms of a table, or its noise; none of no table."""
        if not table:
            return ""
        rows = read_table(Path(table))
        kept = [row for row in rows if (row.columns.get("kind") == ROOM_KIND) == rooms]
        return self._write(name, kept, speech=False)

    def _write(self, name: str, rows: Sequence[Recording], *, speech: bool) -> str:
        columns = list(dict.fromkeys(column for row in rows for column in row.columns))
        before_s = self._sounds.seconds
        with (self._folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
            writer.writeheader()
            for row in rows:
                path = self._sounds.add(row.path, speech=speech)
                writer.writerow({**row.columns, "path": path})
        coded_h = (self._sounds.seconds - before_s) / 3600
        self._note(f"{name}: {len(rows)} recordings, {coded_h:.2f} h of speech coded")
        return name


def as_toml(recipe: Recipe) -> str:
    """Every field written out; ``read_recipe`` reads it back."""
    plain: dict[str, Any] = msgspec.to_builtins(recipe)
    top = {name: value for name, value in plain.items() if not _is_table(value)}
    lines = [*_fields(top)]
    for name, value in plain.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}]", *_fields(value)]
        elif _is_table(value):
            for row in value:
                lines += ["", f"[[{name}]]", *_fields(row)]
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)
    )


def _fields(values: Mapping[str, Any]) -> list[str]:
    """JSON's strings, numbers and lists are TOML's too; what is None is left to its default."""
    lines = []
    for name, value in values.items():
        if isinstance(value, dict):
            inside = ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items())
            lines.append(f"{name} = {{ {inside} }}")
        elif value is not None:
            lines.append(f"{name} = {json.dumps(value)}")
    return lines


def _model(source: Path, target: Path) -> str:
    target.mkdir(parents=True)
    for name in (*CHECKPOINT_FILES, WEIGHTS_FILE, CARD):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    return target.name


def _code(target: Path) -> None:
    """The package's modules."""
    source = Path(speechsearch.__file__).parent
    for path in source.rglob("*.py"):
        placed = target / source.name / path.relative_to(source)
        placed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, placed)
