"""A torch model in the parts that are exported and run ([torch] extra).

Every CTC model of transformers that hears raw audio is built alike: convolutions, a projection, an
encoder whose frames look at each other, one linear layer for the letters. The cut lies behind the
convolutions: up to there a frame depends on its own samples alone where a layer norm follows each
convolution, so that streaming may keep what it made. No attention mask is needed anywhere: what is
heard together is equally long.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from transformers import PreTrainedModel


class Front(torch.nn.Module):  # type: ignore[misc]
    """[sounds, samples] -> features [sounds, frames, channels]."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.feature_extractor = model.base_model.feature_extractor

    def forward(self, sounds: torch.Tensor) -> torch.Tensor:
        """Run the convolutions."""
        features: torch.Tensor = self.feature_extractor(sounds)
        return features.transpose(1, 2)


class Encoder(torch.nn.Module):  # type: ignore[misc]
    """[sounds, frames, channels] -> logits [sounds, frames, letters].

    ``reduced``: the encoder's matrix products and positional convolution in bfloat16, as on a GPU;
    norms, softmax and the residual stream stay in float32. So does the projection, whose layer norm
    lives on few very large channels (the embedded model's outputs move by 0.011 nats a frame with
    it reduced, by 0.00003 without), and so do the letters: a logit of 25 would be rounded to steps
    of 0.1.
    """

    def __init__(self, model: PreTrainedModel, *, reduced: bool = False) -> None:
        super().__init__()
        self.projection = model.base_model.feature_projection
        self.encoder = model.base_model.encoder
        self.letters = model.lm_head
        self.reduced = reduced

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Run the encoder."""
        projected = self.projection(features)
        # HuBERT gives it alone, the others with its norm
        hidden = projected[0] if isinstance(projected, tuple) else projected
        kind = features.device.type
        with torch.autocast(kind, dtype=torch.bfloat16) if self.reduced else nullcontext():
            encoded = self.encoder(hidden)[0]
        logits: torch.Tensor = self.letters(encoded.float())
        return logits


class Whole(torch.nn.Module):  # type: ignore[misc]
    """[sounds, samples] -> logits [sounds, frames, letters]."""

    def __init__(self, model: PreTrainedModel, *, reduced: bool = False) -> None:
        super().__init__()
        self.front = Front(model)
        self.back = Encoder(model, reduced=reduced)

    def forward(self, sounds: torch.Tensor) -> torch.Tensor:
        """Run both."""
        logits: torch.Tensor = self.back(self.front(sounds))
        return logits


def fold_weight_norms(model: PreTrainedModel) -> None:
    """Replace each normed weight by its value, in place."""
    parametrize = torch.nn.utils.parametrize
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
