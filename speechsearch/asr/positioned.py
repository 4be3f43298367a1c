"""Wav2Vec2 with fixed sinusoidal positions beside its positional convolution ([torch] extra).

The sinusoids are those of Whisper (Radford et al. 2022): the embedded model's transformer layers
come from there and need them. ``load_torch`` takes any checkpoint that ``checkpoint`` reads and is
strict: loading such a one as the stock class would drop the table and give garbage with a mere
warning.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import (
    Data2VecAudioConfig,
    Data2VecAudioForCTC,
    HubertConfig,
    HubertForCTC,
    PreTrainedModel,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
    WavLMConfig,
    WavLMForCTC,
)
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2PositionalConvEmbedding

from speechsearch.asr.checkpoint import PICKLE_FILE, WEIGHTS_FILE, Checkpoint
from speechsearch.errors import ModelError

_TABLE = "wav2vec2.encoder.pos_conv_embed.table"
_MASK = "masked_spec_embed"
_WEIGHT_NORMS = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
"""How torch, and so checkpoints, named the parts of a normed weight before version 2."""
_DEFAULT_FRAMES = 1500


def sinusoids(frames: int, channels: int, longest: float = 10_000.0) -> torch.Tensor:
    """Float32 [frames, channels]: sines in the first half, cosines in the second."""
    rate = torch.exp(-math.log(longest) / (channels // 2 - 1) * torch.arange(channels // 2))
    angle = torch.arange(frames)[:, None] * rate[None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class SinusoidalConvEmbedding(Wav2Vec2PositionalConvEmbedding):  # type: ignore[misc]
    """The stock positional convolution plus a fixed table, saved with the weights."""

    table: torch.Tensor

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        frames = getattr(config, "position_frames", _DEFAULT_FRAMES)
        self.register_buffer("table", sinusoids(frames, config.hidden_size))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """[batch, frames, channels] -> the same shape; at most as many frames as the table has."""
        positions: torch.Tensor = super().forward(hidden_states)
        return positions + self.table[: hidden_states.shape[1]]


class PositionedWav2Vec2ForCTC(Wav2Vec2ForCTC):  # type: ignore[misc]
    """Loads and saves like its parent; hears as many frames as its table is long."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.wav2vec2.encoder.pos_conv_embed = SinusoidalConvEmbedding(config)


_FAMILIES: dict[str, tuple[Any, Any]] = {
    "PositionedWav2Vec2ForCTC": (Wav2Vec2Config, PositionedWav2Vec2ForCTC),
    "Wav2Vec2ForCTC": (Wav2Vec2Config, Wav2Vec2ForCTC),
    "HubertForCTC": (HubertConfig, HubertForCTC),
    "WavLMForCTC": (WavLMConfig, WavLMForCTC),
    "Data2VecAudioForCTC": (Data2VecAudioConfig, Data2VecAudioForCTC),
}


def load_torch(folder: Path, *, fused_attention: bool = False) -> PreTrainedModel:
    """The model of a checkpoint folder in float32, ready for inference.

    ``fused_attention`` uses torch's, where the model has it (WavLM has not), instead of the plain
    products that the exporter takes. Raises ``ModelError`` when a weight is missing, unexpected or
    of another shape.
    """
    checkpoint = Checkpoint.open(folder)
    weights = read_weights(folder)
    config_class, model_class = _FAMILIES[checkpoint.architecture]
    config = config_class.from_json_file(folder / "config.json")
    fused = fused_attention and model_class._supports_sdpa
    config._attn_implementation = "sdpa" if fused else "eager"
    if _TABLE in weights:
        config.position_frames = len(weights[_TABLE])
    if not any(name.endswith(_MASK) for name in weights):
        # learned for training alone; checkpoints may come without it
        config.mask_time_prob = config.mask_feature_prob = 0.0
    model: Any = model_class(config)
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"The weights in {folder} do not fit {checkpoint.architecture}: {error}",
            hint="config.json must name the class that the weights were saved from",
        ) from error
    return model.eval()


def table_frames(model: PreTrainedModel) -> int | None:
    """How many frames the model's positions reach; None when nothing limits them."""
    table = getattr(model.base_model.encoder.pos_conv_embed, "table", None)
    return None if table is None else len(table)


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Name, as the present torch has it -> float32 tensor.

    Of ``model.safetensors``, else of ``pytorch_model.bin``, of which nothing but tensors is loaded.
    """
    if (folder / WEIGHTS_FILE).exists() or not (folder / PICKLE_FILE).exists():
        stored = _read_safetensors(folder / WEIGHTS_FILE)
    else:
        stored = _read_pickle(folder / PICKLE_FILE)
    return {_present_name(name): weight.float() for name, weight in stored.items()}


def _present_name(name: str) -> str:
    for old, new in _WEIGHT_NORMS.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors: {error}",
            hint="Copy the whole folder; under this name weights come as safetensors, never as a "
            "pickle",
        ) from error


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a file that is no checkpoint raises is not documented
        raise ModelError(
            f"{path} holds more than tensors, or is damaged: {str(error).splitlines()[0]}",
            hint="It is not loaded, since it could run code; take a repository with safetensors",
        ) from error
    if not isinstance(stored, dict) or not all(
        isinstance(weight, torch.Tensor) for weight in stored.values()
    ):
        raise ModelError(f"{path} is no table of tensors", hint="Save the model's state_dict there")
    return stored
