"""A model folder: a checkpoint in Hugging Face layout, its ONNX graph whole or in two halves, and a
manifest over all of it.

``manifest.json`` names every other file with its size and sha256. Weights are safetensors or ONNX;
a folder with a pickle in it is refused, whatever its manifest says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.asr.model import ModelInfo
from speechsearch.errors import ModelError
from speechsearch.types import SAMPLE_RATE_HZ

MANIFEST_FILE = "manifest.json"
SCHEMA = 1
_PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
_MADE_BY = "Make it again with scripts/make_model"


class FileEntry(msgspec.Struct, frozen=True):
    """One file as it was shipped."""

    sha256: str
    bytes: int


class GateResult(msgspec.Struct, frozen=True):
    """Error rates on one table before and after the weights were made smaller, greedy text."""

    table: str
    utterances: int
    wer_float32: float
    wer_shipped: float
    cer_float32: float
    cer_shipped: float


class Agreement(msgspec.Struct, frozen=True):
    """How far two forms of the model were apart when it was taken in."""

    what: str
    difference: float
    tolerance: float
    unit: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``manifest.json``; unknown fields are ignored."""

    schema: int
    name: str
    version: str
    architecture: str
    license: str
    language: str
    parameters: int
    sample_rate_hz: int
    frame_stride_samples: int
    receptive_field_samples: int
    max_samples: int
    precision: str
    onnx: str = ""
    """The graph that the base install runs, where it is one file."""
    front: str = ""
    """Where it is in two: [batch, samples] -> [batch, frames, channels] …"""
    encoder: str = ""
    """… and [1, frames, channels] -> [1, frames, letters]."""
    agreement: tuple[Agreement, ...] = ()
    """What was compared when it was taken in"""
    source: str = ""
    """The repository or folder that it comes from …"""
    revision: str = ""
    """… and the repository's commit"""
    files: dict[str, FileEntry]
    word_error_rate: list[GateResult]

    @property
    def graphs(self) -> tuple[str, ...]:
        """The files that the base install runs, one behind the other."""
        return tuple(name for name in (self.onnx, self.front, self.encoder) if name)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose manifest and configuration agree; ``verify`` checks the bytes too."""

    path: Path
    manifest: Manifest
    info: ModelInfo

    @classmethod
    def open(cls, path: Path) -> ModelFolder:
        """Read the folder; ``ModelError`` for anything missing or contradictory."""
        checkpoint = Checkpoint.open(path)
        manifest = _read_manifest(path)
        _check_files(path, manifest)
        _check_agreement(checkpoint, manifest)
        info = ModelInfo(
            name=manifest.name,
            version=manifest.version,
            sha256=_weights_hash(manifest)[:12],
            vocabulary=checkpoint.vocabulary,
            timing=checkpoint.timing,
            max_samples=manifest.max_samples,
            normalise=checkpoint.normalise,
            local_features=checkpoint.local_features,
        )
        return cls(path, manifest, info)

    @property
    def graph_paths(self) -> tuple[Path, ...]:
        """What the base install runs: the whole graph, or front and encoder."""
        return tuple(self.path / name for name in self.manifest.graphs)

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Compare the sha256 of the files (of all when no names are given).

        Raises ``ModelError`` on the first that differs.
        """
        for name in self.manifest.files if names is None else names:
            if file_entry(self.path / name) != self.manifest.files[name]:
                raise ModelError(
                    f"{self.path / name} is not the file its manifest names: sha256 differs",
                    hint=f"Copy the folder again. {_MADE_BY}",
                )


def file_entry(path: Path) -> FileEntry:
    """Size and hash of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(digest, path.stat().st_size)


def _weights_hash(manifest: Manifest) -> str:
    """Hexadecimal: the graph's sha256; of two, that of both sha256 in a row."""
    hashes = [manifest.files[name].sha256 for name in manifest.graphs]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Hash all files of the folder into its manifest."""
    names = sorted(p.name for p in out.iterdir() if p.is_file() and p.name != MANIFEST_FILE)
    manifest = msgspec.structs.replace(manifest, files={n: file_entry(out / n) for n in names})
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (out / MANIFEST_FILE).write_bytes(encoded + b"\n")


def model_paths(search_dirs: Sequence[Path]) -> list[Path]:
    """The folder of every acoustic model, in the order of the directories, then of names."""
    manifests = (m for root in search_dirs for m in sorted(root.glob(f"[!.]*/{MANIFEST_FILE}")))
    return [m.parent for m in manifests if (m.parent / "config.json").exists()]


def list_models(search_dirs: Sequence[Path]) -> list[ModelFolder]:
    """Every acoustic model; raises ``ModelError`` for a damaged one."""
    return [ModelFolder.open(path) for path in model_paths(search_dirs)]


def find_model(name_or_path: str, search_dirs: Sequence[Path]) -> ModelFolder:
    """The folder at a path, else the first of that name in the directories; else ``ModelError``."""
    for candidate in (Path(name_or_path), *(root / name_or_path for root in search_dirs)):
        if (candidate / MANIFEST_FILE).exists():
            return ModelFolder.open(candidate)
    names = sorted({m.parent.name for d in search_dirs for m in d.glob(f"*/{MANIFEST_FILE}")})
    raise ModelError(
        f"No acoustic model {name_or_path!r}",
        hint=f"There are: {', '.join(names) or 'none'}. A checkpoint becomes one by "
        "scripts/make_model",
    )


def _read_manifest(path: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((path / MANIFEST_FILE).read_bytes(), type=Manifest)
    except OSError as error:
        raise ModelError(f"{path} has no {MANIFEST_FILE}", hint=_MADE_BY) from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{path / MANIFEST_FILE}: {error}", hint=_MADE_BY) from error
    if manifest.schema != SCHEMA:
        raise ModelError(
            f"{path / MANIFEST_FILE} has schema {manifest.schema}, this version reads {SCHEMA}",
            hint=_MADE_BY,
        )
    return manifest


def _check_files(path: Path, manifest: Manifest) -> None:
    pickles = [file.name for file in path.rglob("*") if file.suffix.lower() in _PICKLES]
    if pickles:
        raise ModelError(
            f"{path} holds {pickles[0]}, which may be a pickle and could run code",
            hint="Convert the weights to safetensors and remove it",
        )
    if manifest.graphs not in ((manifest.onnx,), (manifest.front, manifest.encoder)):
        raise ModelError(
            f"{MANIFEST_FILE} in {path} must name either onnx, or front and encoder", hint=_MADE_BY
        )
    for name in manifest.graphs:
        if name not in manifest.files:
            raise ModelError(f"{MANIFEST_FILE} in {path} does not list {name}", hint=_MADE_BY)
    for name, entry in manifest.files.items():
        file = path / name
        if Path(name).name != name:
            raise ModelError(f"{MANIFEST_FILE} in {path} lists {name}, outside of the folder")
        if not file.is_file():
            raise ModelError(f"{path} lacks {name}", hint="Copy the whole model folder")
        if file.stat().st_size != entry.bytes:
            raise ModelError(
                f"{file} has {file.stat().st_size} bytes, its manifest says {entry.bytes}",
                hint="Copy the whole model folder again",
            )


def _check_agreement(checkpoint: Checkpoint, manifest: Manifest) -> None:
    timing = checkpoint.timing
    pairs = {
        "architecture": (manifest.architecture, checkpoint.architecture),
        "sample_rate_hz": (manifest.sample_rate_hz, SAMPLE_RATE_HZ),
        "frame_stride_samples": (manifest.frame_stride_samples, timing.stride_samples),
        "receptive_field_samples": (
            manifest.receptive_field_samples,
            timing.receptive_field_samples,
        ),
    }
    for field, (stated, computed) in pairs.items():
        if stated != computed:
            raise ModelError(
                f"{checkpoint.path}: the manifest's {field} is {stated}, the model's {computed}",
                hint=_MADE_BY,
            )
    if manifest.max_samples < timing.receptive_field_samples:
        raise ModelError(
            f"{checkpoint.path}: max_samples {manifest.max_samples} is below the receptive field",
            hint=_MADE_BY,
        )
