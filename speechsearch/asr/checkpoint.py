"""A checkpoint in Hugging Face layout, read without transformers: letters, frames, normalisation.

Files: ``config.json``, ``vocab.json``, ``tokenizer_config.json`` and ``processor_config.json`` (or
``preprocessor_config.json``, as older checkpoints have it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.errors import ModelError
from speechsearch.types import SAMPLE_RATE_HZ

ARCHITECTURES = ("PositionedWav2Vec2ForCTC", "Wav2Vec2ForCTC")
PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")
CHECKPOINT_FILES = ("config.json", "vocab.json", "tokenizer_config.json", *PROCESSOR_FILES)
_HIDDEN_TOKENS = ("pad_token", "bos_token", "eos_token", "unk_token")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the configuration files of a folder say."""

    path: Path
    architecture: str
    vocabulary: Vocabulary
    timing: FrameTiming
    normalise: bool
    local_features: bool
    """Whether the convolutions have layer norms; group norm is the stock default."""

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Read the folder; ``ModelError`` for anything missing or unfit."""
        if not path.is_dir():
            raise ModelError(f"No model folder at {path}", hint="Give a folder with a config.json")
        config = read_json(path / "config.json")
        return cls(
            path=path,
            architecture=_architecture(path, config),
            vocabulary=_vocabulary(path, config),
            timing=_timing(path, config),
            normalise=_normalise(path),
            local_features=config.get("feat_extract_norm") == "layer",
        )


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ``ModelError`` when there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise ModelError(
            f"{path.name} cannot be read in {path.parent}", hint="Copy the whole model folder"
        ) from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{path} is not a JSON object: {error}") from error


def _architecture(path: Path, config: dict[str, Any]) -> str:
    names = config.get("architectures") or ["none"]
    if names[0] not in ARCHITECTURES:
        raise ModelError(
            f"{path} holds a model of architecture {names[0]}",
            hint=f"Known are {', '.join(ARCHITECTURES)}",
        )
    return str(names[0])


def _timing(path: Path, config: dict[str, Any]) -> FrameTiming:
    """Stride = product of strides; each layer widens the field by (kernel - 1) earlier strides."""
    kernels, strides = config.get("conv_kernel"), config.get("conv_stride")
    if not kernels or not strides or len(kernels) != len(strides):
        raise ModelError(f"config.json in {path} lacks conv_kernel and conv_stride of equal length")
    stride, field = 1, 1
    for kernel, layer_stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * stride
        stride *= layer_stride
    return FrameTiming(stride, field)


def _vocabulary(path: Path, config: dict[str, Any]) -> Vocabulary:
    ids = read_json(path / "vocab.json")
    tokenizer = read_json(path / "tokenizer_config.json")
    size = config.get("vocab_size", 0)
    if not all(isinstance(i, int) and 0 <= i < size for i in ids.values()):
        raise ModelError(
            f"vocab.json in {path} does not fit the {size} outputs of config.json",
            hint="It must map each letter to one column; vocabularies by language are not read",
        )
    delimiter = tokenizer.get("word_delimiter_token", "|")
    blank = tokenizer.get("pad_token", "<pad>")
    for role, token in (("word delimiter", delimiter), ("blank", blank)):
        if token not in ids:
            raise ModelError(f"The {role} {token!r} of {path} is not in vocab.json")
    blank_id = config.get("pad_token_id", ids[blank])
    if blank_id != ids[blank]:
        raise ModelError(f"{path} has two blanks: {blank_id} in config.json, {ids[blank]} else")
    letters = [""] * size
    for letter, i in ids.items():
        letters[i] = letter
    special = {ids[t] for key in _HIDDEN_TOKENS if (t := tokenizer.get(key)) in ids}
    empty = {i for i, letter in enumerate(letters) if not letter}
    return Vocabulary(tuple(letters), blank_id, ids[delimiter], frozenset(special | empty))


def _normalise(path: Path) -> bool:
    names = [name for name in PROCESSOR_FILES if (path / name).exists()]
    if not names:
        raise ModelError(f"{path} has no {PROCESSOR_FILES[0]}", hint="Copy the whole model folder")
    processor = read_json(path / names[0])
    extractor = processor.get("feature_extractor", processor)
    if extractor.get("sampling_rate") != SAMPLE_RATE_HZ:
        raise ModelError(
            f"{path} wants audio at {extractor.get('sampling_rate')} Hz",
            hint=f"Only models for {SAMPLE_RATE_HZ} Hz are read",
        )
    return bool(extractor.get("do_normalize", True))
