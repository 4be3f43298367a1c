"""A checkpoint in Hugging Face layout, read without transformers: letters, frames, normalisation.

Any CTC model of transformers that hears raw audio through convolutions and writes letters. Files:
``config.json``, those of ``tokens`` and ``processor_config.json`` (or ``preprocessor_config.json``,
as older checkpoints have it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechsearch.asr.model import FrameTiming, Vocabulary
from speechsearch.asr.tokens import VOCABULARY_FILES, read_json, read_vocabulary
from speechsearch.errors import ModelError
from speechsearch.types import SAMPLE_RATE_HZ

WEIGHTS_FILE, PICKLE_FILE = "model.safetensors", "pytorch_model.bin"
DATA2VEC = "Data2VecAudioForCTC"
ARCHITECTURES = (
    "PositionedWav2Vec2ForCTC",
    "Wav2Vec2ForCTC",
    "HubertForCTC",
    "WavLMForCTC",
    DATA2VEC,
)
PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")
CHECKPOINT_FILES = ("config.json", *VOCABULARY_FILES, *PROCESSOR_FILES)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the configuration files of a folder say."""

    path: Path
    architecture: str
    vocabulary: Vocabulary
    timing: FrameTiming
    normalise: bool
    local_features: bool
    """Whether the convolutions have layer norms; group norm is the stock default, except of
    data2vec, which has no other"""

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Read the folder; ``ModelError`` for anything missing or unfit."""
        if not path.is_dir():
            raise ModelError(f"No model folder at {path}", hint="Give a folder with a config.json")
        config = read_json(path / "config.json")
        architecture = _architecture(path, config)
        layered = architecture == DATA2VEC or config.get("feat_extract_norm") == "layer"
        return cls(
            path=path,
            architecture=architecture,
            vocabulary=read_vocabulary(
                path, config.get("vocab_size", 0), config.get("pad_token_id")
            ),
            timing=_timing(path, config),
            normalise=_normalise(path),
            local_features=layered,
        )


def _architecture(path: Path, config: dict[str, Any]) -> str:
    names = config.get("architectures") or ["none"]
    if names[0] not in ARCHITECTURES:
        raise ModelError(
            f"{path} holds a model of architecture {names[0]}",
            hint=f"Known are {', '.join(ARCHITECTURES)}",
        )
    if config.get("add_adapter"):
        raise ModelError(
            f"{path} has an adapter behind its encoder, whose frames are others",
            hint="Take a model with add_adapter: false",
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
