"""Wav2Vec2 with fixed sinusoidal positions beside its positional convolution ([torch] extra).

The sinusoids are those of Whisper (Radford et al. 2022): the embedded model's transformer layers
come from there and need them. ``load_torch`` is strict: loading such a checkpoint as the stock
class would drop the table and give garbage with a mere warning.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2PositionalConvEmbedding

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.errors import ModelError

WEIGHTS_FILE = "model.safetensors"
_TABLE = "wav2vec2.encoder.pos_conv_embed.table"
_MASK = "wav2vec2.masked_spec_embed"
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


def load_torch(folder: Path) -> Wav2Vec2ForCTC:
    """The model of a checkpoint folder in float32, ready for inference.

    Raises ``ModelError`` when a weight is missing, unexpected or of another shape.
    """
    checkpoint = Checkpoint.open(folder)
    weights = _read_weights(folder / WEIGHTS_FILE)
    config = Wav2Vec2Config.from_json_file(folder / "config.json")
    config._attn_implementation = "eager"
    if _TABLE in weights:
        config.position_frames = len(weights[_TABLE])
    if _MASK not in weights:  # learned for training alone; checkpoints may come without it
        config.mask_time_prob = config.mask_feature_prob = 0.0
    positioned = checkpoint.architecture == PositionedWav2Vec2ForCTC.__name__
    model: Any = (PositionedWav2Vec2ForCTC if positioned else Wav2Vec2ForCTC)(config)
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"The weights in {folder} do not fit {checkpoint.architecture}: {error}",
            hint="config.json must name the class that the weights were saved from",
        ) from error
    return model.eval()


def table_frames(model: Wav2Vec2ForCTC) -> int | None:
    """How many frames the model's positions reach; None when nothing limits them."""
    table = getattr(model.wav2vec2.encoder.pos_conv_embed, "table", None)
    return None if table is None else len(table)


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Name -> float32 tensor."""
    try:
        return {name: weight.float() for name, weight in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors: {error}",
            hint="Weights come as safetensors only, never as a pickle",
        ) from error
