"""The verbs under ``models``: what is at hand, and how to get more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from speechsearch.cli_shared import errors, fail, output, reports
from speechsearch.config import cache_dir, load_settings
from speechsearch.errors import ModelError

if TYPE_CHECKING:
    from speechsearch.asr.agreement import Precision
    from speechsearch.asr.folder import ModelFolder
    from speechsearch.hub.repository import Plan, Repository

models_app = typer.Typer(invoke_without_command=True, help="The acoustic models at hand.")

NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="What to call it here")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask")]
Float32Option = Annotated[
    bool, typer.Option("--float32", help="Keep the matrix products as they are, not in int8")
]


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the models at hand, or do something with one."""
    if context.invoked_subcommand is None:
        models_list()


@models_app.command("list")
@reports
def models_list() -> None:
    """List the models at hand.

    Example: speechsearch models list
    """
    from speechsearch.asr.folder import ModelFolder, model_paths

    columns = ("model", "version", "language", "parameters", "size", "licence", "streams", "from")
    table = Table(*columns, box=None)
    damaged = []
    for path in model_paths(load_settings().model_dirs):
        try:
            table.add_row(*_row(ModelFolder.open(path)))
        except ModelError as error:
            damaged.append(f"{path.name}: {error}")
    (output if output.is_terminal else Console(width=240)).print(table)
    for said in damaged:
        errors.print(said, style="red", markup=False, soft_wrap=True)


def _row(folder: ModelFolder) -> tuple[str, ...]:
    about = folder.manifest
    megabytes = sum(entry.bytes for entry in about.files.values()) / 1e6
    revision = f"@{about.revision[:8]}" if about.revision else ""
    return (
        about.name,
        about.version,
        about.language,
        f"{about.parameters / 1e6:.1f} M" if about.parameters else "?",
        f"{megabytes:.1f} MB",
        about.license,
        "yes" if folder.info.local_features else "heard anew",
        f"{about.source}{revision}" if about.source else "shipped",
    )


@models_app.command("show")
@reports
def models_show(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print a model's manifest.

    Example: speechsearch models show w2v2-starter
    """
    import msgspec

    from speechsearch.asr.folder import find_model

    folder = find_model(name, load_settings().model_dirs)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(folder.manifest)).decode() + "\n")


@models_app.command("verify")
@reports
def models_verify(name: Annotated[str, typer.Argument(metavar="NAME")] = "") -> None:
    """Check the files of one model, or of all, against their sha256.

    Example: speechsearch models verify
    """
    from speechsearch.asr.folder import find_model, list_models

    where = load_settings().model_dirs
    for folder in [find_model(name, where)] if name else list_models(where):
        folder.verify()
        output.print(f"{folder.manifest.name}: whole")


@models_app.command("pull")
@reports
def models_pull(
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="On the hub")],
    revision: Annotated[
        str | None, typer.Option(metavar="SHA", help="Commit, tag or branch [main, as of now]")
    ] = None,
    name: NameOption = "",
    float32: Float32Option = False,
    yes: YesOption = False,
) -> None:
    """Fetch a CTC model from the Hugging Face hub; it can then be given as --model.

    Says size and licence first. A fetch that was interrupted goes on where it stopped. HF_ENDPOINT,
    HF_TOKEN, HF_HUB_OFFLINE and HTTPS_PROXY count.

    Example: speechsearch models pull facebook/wav2vec2-base-960h
    """
    from speechsearch.asr.checkpoint import Checkpoint
    from speechsearch.hub.adopt import Origin, adopt, check_name, torch_here
    from speechsearch.hub.download import fetch
    from speechsearch.hub.repository import look_up, plan

    settings = load_settings()
    called = name or repository.rpartition("/")[2]
    check_name(called, settings.model_dirs)
    found = look_up(repository, revision)
    wanted = plan(found, _precision(float32), torch_here=torch_here())
    _show(found, wanted)
    _confirm("Fetch it?", yes)
    owner_name = found.name.replace("/", "--")
    into = cache_dir() / "pulls" / f"{owner_name}@{found.revision[:12]}"
    fetch(found, wanted.description, into)
    Checkpoint.open(into)  # before its weights are fetched
    _fetch(found, wanted, into)
    origin = Origin(found.name, found.revision, found.license, found.language)
    with errors.status("making and checking its graphs …"):
        folder = adopt(into, settings.user_models_dir / called, origin, _precision(float32))
    shutil.rmtree(into)
    _say_taken_in(folder)


@models_app.command("add")
@reports
def models_add(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="With a config.json")],
    name: NameOption = "",
    float32: Float32Option = False,
) -> None:
    """Take in a CTC model of transformers, or a model folder, that is at hand.

    Example: speechsearch models add ./my-finetuned-hubert --name mine
    """
    from speechsearch.hub.adopt import Origin, adopt, check_name

    settings = load_settings()
    called = name or source.resolve().name
    check_name(called, settings.model_dirs)
    with errors.status("making and checking its graphs …"):
        origin = Origin(str(source.resolve()))
        target = settings.user_models_dir / called
        folder = adopt(source, target, origin, _precision(float32))
    _say_taken_in(folder)


@models_app.command("remove")
@reports
def models_remove(
    name: Annotated[str, typer.Argument(metavar="NAME")], yes: YesOption = False
) -> None:
    """Delete a model that was pulled or added.

    Example: speechsearch models remove wav2vec2-base-960h
    """
    from speechsearch.asr.folder import MANIFEST_FILE

    root = load_settings().user_models_dir
    folder = root / name
    if Path(name).name != name or not (folder / MANIFEST_FILE).exists():
        raise ModelError(
            f"No model {name!r} was pulled or added",
            hint=f"Those are in {root}; what is shipped with the program stays",
        )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    _confirm(f"Delete {folder} ({size / 1e6:.1f} MB)?", yes)
    shutil.rmtree(folder)
    output.print(f"{name}: gone", markup=False)


def _precision(float32: bool) -> Precision:
    from speechsearch.asr.agreement import Precision

    return Precision.FLOAT32 if float32 else Precision.INT8


def _show(found: Repository, wanted: Plan) -> None:
    errors.print(found.address, markup=False, soft_wrap=True)
    largest = max(wanted.files, key=lambda file: file.bytes)
    made = "converted by torch, compared with it" if wanted.converts else "taken as it is, checked"
    lines = {
        "licence": found.license,
        "language": found.language,
        "fetches": f"{_size(wanted.bytes)} in {len(wanted.files)} files",
        "weights": f"{largest.name}, {_size(largest.bytes)}, {made}",
    }
    for key, value in lines.items():
        errors.print(f"  {key:<9} {value}", markup=False, soft_wrap=True)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count else "of unstated size"


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        fail(ModelError(f"{question} Nobody can be asked", hint="Give --yes"))
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _fetch(found: Repository, wanted: Plan, into: Path) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from speechsearch.hub.download import fetch

    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task("fetching", total=wanted.bytes)
        fetch(found, wanted, into, lambda more: bar.update(task, advance=more))


def _say_taken_in(folder: ModelFolder) -> None:
    about = folder.manifest
    output.print(f"{about.name}: {about.precision}", markup=False, soft_wrap=True)
    for one in about.agreement:
        output.print(
            f"  {one.what} differ by {one.difference:.2g} {one.unit}, at most {one.tolerance:g}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    if not folder.info.local_features:
        output.print(
            "  its convolutions look at all of the sound, so it hears anew as one speaks",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    output.print(f"use it: speechsearch listen --model {about.name}", markup=False)
