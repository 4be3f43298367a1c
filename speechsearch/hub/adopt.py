"""A folder in the hub's layout becomes a model folder that can be chosen by name, or nothing does.

With torch its weights are converted; without, its graphs are taken as they are. Either way what is
put down has been compared and carries a manifest.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from speechsearch.asr.agreement import (
    UNLIMITED_FRAMES,
    Graphs,
    Precision,
    noise,
)
from speechsearch.asr.checkpoint import CHECKPOINT_FILES, PICKLE_FILE, WEIGHTS_FILE, Checkpoint
from speechsearch.asr.folder import MANIFEST_FILE, SCHEMA, Manifest, ModelFolder, write_manifest
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.ready import ready_in, take_ready
from speechsearch.audio.player import read_audio
from speechsearch.config import fixtures_dir
from speechsearch.errors import ModelError
from speechsearch.hub.repository import CARD_FILES, stated
from speechsearch.types import SAMPLE_RATE_HZ, Audio

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RECORDINGS = 6


@dataclass(frozen=True, slots=True)
class Origin:
    """What a folder's files do not say."""

    source: str
    """``owner/name``, or the folder's path"""
    revision: str = ""
    license: str = ""
    language: str = ""
    """These two are taken from the model card where they are empty"""


def torch_here() -> bool:
    """Whether the [torch] extra is installed."""
    names = ("torch", "transformers", "safetensors", "onnx", "onnxscript")
    return all(importlib.util.find_spec(name) for name in names)


def check_name(name: str, model_dirs: Sequence[Path]) -> None:
    """``ModelError`` for a name that is none or is taken."""
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot name a model", hint="Give --name: letters, digits, '.', '_' and '-'"
        )
    for root in model_dirs:
        if (root / name).exists():
            raise ModelError(
                f"There is a model {name} already, in {root}",
                hint=f"speechsearch models remove {name}, or give another --name",
            )


def adopt(source: Path, target: Path, origin: Origin, precision: Precision) -> ModelFolder:
    """Make the folder ``target`` of the folder ``source``; raises ``ModelError`` for an unfit one.

    One that is a model folder already is copied as it is, whatever the precision.
    """
    if not source.is_dir():
        raise ModelError(f"No folder at {source}", hint="Name one with a config.json")
    with _aside(target) as made:
        if (source / MANIFEST_FILE).exists():
            _copy(ModelFolder.open(source), made, target.name)
        else:
            _make(source, made, target.name, origin, precision)
        ModelFolder.open(made).verify()
        made.rename(target)
    return ModelFolder.open(target)


def _copy(folder: ModelFolder, made: Path, name: str) -> None:
    folder.verify()
    for file in folder.manifest.files:
        shutil.copyfile(folder.path / file, made / file)
    write_manifest(made, msgspec.structs.replace(folder.manifest, name=name))


def _make(source: Path, made: Path, name: str, origin: Origin, precision: Precision) -> None:
    read = Checkpoint.open(source)
    info = ModelInfo(
        name=name,
        version=origin.revision[:8] or "local",
        sha256="",
        vocabulary=read.vocabulary,
        timing=read.timing,
        max_samples=read.timing.samples(UNLIMITED_FRAMES),
        normalise=read.normalise,
        local_features=read.local_features,
    )
    for file in (*CHECKPOINT_FILES, *CARD_FILES):
        if (source / file).exists():
            shutil.copyfile(source / file, made / file)
    graphs = _graphs(source, made, info, precision)
    front, encoder = graphs.names if len(graphs.names) == 2 else ("", "")
    card = _card(source)
    manifest = Manifest(
        schema=SCHEMA,
        name=name,
        version=info.version,
        architecture=read.architecture,
        license=origin.license or stated(card, "license_name", "license"),
        language=origin.language or stated(card, "language"),
        parameters=graphs.parameters,
        sample_rate_hz=SAMPLE_RATE_HZ,
        frame_stride_samples=info.timing.stride_samples,
        receptive_field_samples=info.timing.receptive_field_samples,
        max_samples=info.max_samples,
        precision=graphs.precision,
        onnx="" if front else graphs.names[0],
        front=front,
        encoder=encoder,
        agreement=graphs.agreement,
        source=origin.source,
        revision=origin.revision,
        files={},
        word_error_rate=[],
    )
    write_manifest(made, manifest)


def _graphs(source: Path, made: Path, info: ModelInfo, precision: Precision) -> Graphs:
    weights = any((source / name).exists() for name in (WEIGHTS_FILE, PICKLE_FILE))
    sounds = reference_sounds()
    if weights and torch_here():
        from speechsearch.asr.convert import convert

        return convert(source, made, info, precision, sounds)
    if weights and not ready_in(source, precision):
        raise ModelError(
            f"{source} has weights, and converting them needs torch",
            hint="pip install 'speechsearch[torch]', or put onnx/model.onnx there",
        )
    return take_ready(source, made, info, precision, sounds)


def reference_sounds() -> list[Audio]:
    """What shows how far int8 strays: the fixtures if any, else noise."""
    recordings = reference_paths()[:_RECORDINGS]
    return [read_audio(path) for path in recordings] or [noise(5 * SAMPLE_RATE_HZ)]


def reference_paths() -> list[Path]:
    """The queries among the fixtures."""
    return sorted(fixtures_dir().glob("q*.flac"))


def _card(source: Path) -> dict[str, object]:
    """The fields at the head of a README.md; none where there is no such head."""
    from huggingface_hub import ModelCard

    try:
        return dict(vars(ModelCard.load(source / "README.md").data))
    except (OSError, ValueError):
        return {}


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target``, gone afterwards unless it was renamed."""
    aside = target.with_name(f".{target.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
