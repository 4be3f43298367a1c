"""A checkpoint becomes a model folder with its card: exported, gated, measured ([torch] extra)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from speechsearch.asr.export import Labels, Recording, Tables, export, not_worse
from speechsearch.asr.folder import ModelFolder, write_manifest
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.shrink import Calibration
from speechsearch.asr.tokens import read_json
from speechsearch.audio.player import read_audio
from speechsearch.errors import ModelError, TableError
from speechsearch.learning.card import Measured, card, origin_of
from speechsearch.learning.conditions import Change
from speechsearch.learning.hear_alone import Progress, Table, measure, speed_ms
from speechsearch.learning.measures import Bootstrap
from speechsearch.learning.table import read_table

CARD_FILE = "README.md"
CALIBRATION_RECORDINGS = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model folder to be made."""

    checkpoint: Path
    out: Path
    labels: Labels
    calibrate: Path | None
    """Table of recordings that show what a smaller weight moves: of those trained on"""
    instead_of: ModelFolder | None = None
    """The model that it must not be worse than"""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a card's figures come from."""

    tables: Sequence[Table]
    changes: dict[str, Change]
    command: str
    """What does it again"""


def calibration(table: Path | None, otherwise: Sequence[Path]) -> Calibration:
    """A dozen recordings of the table, evenly spread; without one, those given."""
    paths = [row.path for row in read_table(table)] if table else list(otherwise)
    if not paths:
        raise ModelError("no recordings to calibrate with", hint="Give --calibrate TABLE")
    step = max(1, len(paths) // CALIBRATION_RECORDINGS)
    return Calibration([read_audio(path) for path in paths[::step]])


def read_tables(paths: Sequence[Path]) -> list[Table]:
    """Each with the rows that have a transcript, named after its file."""
    tables = []
    for path in paths:
        rows = [row for row in read_table(path) if row.transcript]
        if not rows:
            raise TableError(f"{path} has no transcripts", hint="Errors cannot be counted there")
        tables.append(Table(path.stem, rows))
    if len({table.name for table in tables}) < len(tables):
        raise TableError("two tables of the same name", hint="Rename one: the card names them")
    return tables


def make(wanted: Wanted, calibrated: Calibration, tables: Sequence[Table]) -> ModelFolder:
    """The folder, without a card yet; ``ModelError``, and no folder, where a gate refuses."""
    if wanted.out.exists():
        raise ModelError(f"{wanted.out} exists", hint="Give another --name or --out, or remove it")
    aside = wanted.out.with_name(f".{wanted.out.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        heard: Tables = {
            table.name: [Recording(read_audio(row.path), row.transcript) for row in table.rows]
            for table in tables
        }
        folder = export(wanted.checkpoint, aside, wanted.labels, calibrated, heard)
        if wanted.instead_of:
            other = OnnxAcousticModel.load(wanted.instead_of, threads=1)
            not_worse(heard, folder.manifest.word_error_rate, other)
        aside.rename(wanted.out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return ModelFolder.open(wanted.out)


def describe(
    folder: ModelFolder, origin: Path, examined: Examined, progress: Progress
) -> ModelFolder:
    """Measure what is shipped and write its card; ``origin`` is a card whose origin travels on."""
    model = OnnxAcousticModel.load(folder, threads=1)
    bootstrap = Bootstrap()
    measured = Measured(
        groups=measure(model, examined.tables, examined.changes, bootstrap, progress),
        resamples=bootstrap.resamples,
        speed=f"Hearing takes {speed_ms(model, examined.tables):.1f} ms a second of sound on one "
        f"thread of {processor()}.",
        command=examined.command,
    )
    told = origin_of(origin.read_text(encoding="utf-8")) if origin.exists() else ""
    config = read_json(folder.path / "config.json")
    text = card(folder.manifest, config, measured, told)
    (folder.path / CARD_FILE).write_text(text, encoding="utf-8")
    write_manifest(folder.path, folder.manifest)
    return ModelFolder.open(folder.path)


def processor() -> str:
    """The processor as Linux names it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "an unnamed processor"
