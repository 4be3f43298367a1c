"""The verb ``pseudolabel``."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechsearch.cli_shared import errors, output, reports
from speechsearch.config import load_settings
from speechsearch.durable import replace_file
from speechsearch.errors import TableError
from speechsearch.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from speechsearch.asr.onnx import OnnxAcousticModel
    from speechsearch.learning.table import Recording
    from speechsearch.learning.training.pseudo import Heard


@reports
def pseudolabel(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="TSV with path")],
    out: Annotated[Path, typer.Option("--out", metavar="TSV", help="Table of those believed")],
    ear: Annotated[
        list[str], typer.Option("--ear", metavar="MODEL", help="Who hears; the first writes")
    ],
    heard_before: Annotated[
        bool, typer.Option("--heard-before", help="The table's transcript counts as an ear, first")
    ] = False,
    most: Annotated[
        float, typer.Option("--most", min=0, max=1, help="Share of letters they may differ in")
    ] = 0.05,
) -> None:
    """Label recordings that nobody wrote down, where two ears at least hear the same.

    Example: speechsearch pseudolabel kept.tsv --ear base-960h --ear w2v2-starter --out labels.tsv
    """
    from speechsearch.asr.folder import find_model
    from speechsearch.asr.onnx import OnnxAcousticModel
    from speechsearch.learning.table import read_table
    from speechsearch.learning.training.pseudo import Agreement, believed

    if len(ear) + heard_before < 2:
        raise TableError("one ear cannot agree with itself", hint="Give --ear twice")
    rows = read_table(table)
    folders = [find_model(name, load_settings().model_dirs) for name in ear]
    models = [OnnxAcousticModel.load(folder, threads=1) for folder in folders]
    kept, refused = believed(_hear(rows, models, heard_before), Agreement(most_letter_errors=most))
    _write(out, dict(kept), rows)
    output.print(f"{out}: {len(kept)} of {len(rows)} recordings", markup=False, soft_wrap=True)
    for why, count in refused.most_common():
        errors.print(f"  not believed, {why}: {count}", markup=False)


def _hear(
    rows: Sequence[Recording], models: Sequence[OnnxAcousticModel], heard_before: bool
) -> list[Heard]:
    from rich.progress import track

    from speechsearch.asr.ctc import greedy
    from speechsearch.audio.player import read_audio
    from speechsearch.learning.training.pseudo import Heard

    heard = []
    for row in track(rows, "hearing", console=errors):
        samples = read_audio(row.path)
        texts = [row.transcript] if heard_before else []
        for model in models:
            log_probs = model.log_probs(samples)
            texts.append(greedy(log_probs, model.info.vocabulary, model.info.timing).text)
        heard.append(Heard(row.name, len(samples) / SAMPLE_RATE_HZ, texts))
    return heard


def _write(out: Path, labels: dict[str, str], rows: Sequence[Recording]) -> None:
    """The rows believed, with their label; whole or not there."""
    columns = list(dict.fromkeys([*rows[0].columns, "transcript", "labels"]))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row.name in labels:
            path = os.path.relpath(row.path.resolve(), out.parent.resolve())
            named = {"path": path, "transcript": labels[row.name], "labels": "pseudo"}
            writer.writerow({**row.columns, **named})
    replace_file(out, table.getvalue().encode())
