"""The verbs ``models export`` and ``models card``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechsearch.cli_shared import errors, output, reports
from speechsearch.config import load_settings

if TYPE_CHECKING:
    from speechsearch.asr.folder import ModelFolder
    from speechsearch.learning.hear_alone import Progress, Table

TableOption = Annotated[
    list[Path], typer.Option("--table", metavar="TSV", help="Never trained on; may be repeated")
]
NoiseOption = Annotated[
    str, typer.Option("--noise", metavar="white|pink|FILE|TABLE", help="Of the card's noisy part")
]
RoomsOption = Annotated[
    str, typer.Option("--rir", metavar="FILE|TABLE", help="Rooms of the card; none if not given")
]


@reports
def models_export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder of weights")],
    table: TableOption,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call it")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Not among the user's models")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option("--calibrate", metavar="TSV", help="Of what was trained on")
    ] = None,
    instead_of: Annotated[
        str, typer.Option("--instead-of", metavar="MODEL", help="Refuse to be worse than this one")
    ] = "",
    version: Annotated[str, typer.Option("--version", help="Of the model")] = "1",
    license_: Annotated[str, typer.Option("--license", help="Of the weights")] = "MIT",
    language: Annotated[str, typer.Option("--language", help="Spoken")] = "en",
    float32: Annotated[
        bool, typer.Option(help="Put the graph in float32 beside the one in int8")
    ] = True,
    noise: NoiseOption = "pink",
    rir: RoomsOption = "",
) -> None:
    """Make a model of a checkpoint: ONNX in float32 and int8, gated on word error rate, a card.

    Refused where ONNX strays from torch, or int8 loses more than half a point on a table.

    Example: speechsearch models export runs/adapt/checkpoint --table speech.tsv --name mine
    """
    from speechsearch.asr.export import Labels
    from speechsearch.asr.folder import find_model
    from speechsearch.hub.adopt import check_name, reference_paths
    from speechsearch.learning.exporting import CARD_FILE, Wanted, calibration, make, read_tables

    settings = load_settings()
    called = name or checkpoint.resolve().parent.name
    check_name(called, [] if out else settings.model_dirs)
    target = out or settings.user_models_dir / called
    target.parent.mkdir(parents=True, exist_ok=True)
    tables = read_tables(table)
    other = find_model(instead_of, settings.model_dirs) if instead_of else None
    labels = Labels(called, version, license_, language, float32)
    with errors.status("making its graphs, and hearing the tables with both …"):
        wanted = Wanted(checkpoint, target, labels, calibrate, other)
        folder = make(wanted, calibration(calibrate, reference_paths()), tables)
    for one in folder.manifest.word_error_rate:
        output.print(
            f"{one.table}: word error rate {one.wer_float32:.4f}, in int8 {one.wer_shipped:.4f}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    describe_with_bar(folder, checkpoint / CARD_FILE, tables, noise, rir)


@reports
def models_card(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name, or a folder")],
    table: TableOption,
    noise: NoiseOption = "pink",
    rir: RoomsOption = "",
) -> None:
    """Measure a model anew, group by group, in noise and rooms, and write its card.

    Example: speechsearch models card w2v2-starter --table speech.tsv --table phrases.tsv
    """
    from speechsearch.asr.folder import find_model
    from speechsearch.learning.exporting import CARD_FILE, read_tables

    folder = find_model(model, load_settings().model_dirs)
    folder.verify()
    describe_with_bar(folder, folder.path / CARD_FILE, read_tables(table), noise, rir)


def describe_with_bar(
    folder: ModelFolder, origin: Path, tables: Sequence[Table], noise: str, rir: str
) -> None:
    """Measure and write the card, progress on stderr."""
    from speechsearch.learning.exporting import Examined, describe
    from speechsearch.learning.hear_alone import conditions

    changes = conditions(noise, rir)
    options = [f"--table {table.name}.tsv" for table in tables]
    options += [f"--noise {_short(noise)}"] + ([f"--rir {_short(rir)}"] if rir else [])
    command = f"speechsearch models card {folder.manifest.name} {' '.join(options)}"
    with _bar(sum(len(table.rows) for table in tables) * (1 + len(changes))) as progress:
        described = describe(folder, origin, Examined(tables, changes, command), progress)
    output.print(f"{described.path}: its card is README.md", markup=False, soft_wrap=True)


def _short(name: str) -> str:
    """Without the folders of this machine."""
    return Path(name).name


@contextmanager
def _bar(total: int) -> Iterator[Progress]:
    from rich.progress import Progress as Bar

    with Bar(console=errors) as bar:
        task = bar.add_task("hearing", total=total)
        yield lambda done: bar.update(task, completed=done)
