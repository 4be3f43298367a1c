"""The forward pass of a CTC model as it learns, and what it is blamed for ([torch] extra).

Any CTC model of transformers that ``asr.positioned.load_torch`` reads. The convolutions and the
letters are computed in float32, the encoder in bfloat16 where that is wanted: on a GPU only.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from speechsearch.asr.checkpoint import Checkpoint
from speechsearch.learning.training.examples import Examples, Sounds
from speechsearch.learning.training.recipe import Augment, Optimiser

DROPOUTS = ("attention_dropout", "activation_dropout", "final_dropout")
"""Not on the sums that run from layer to layer: layers pretrained without, as Whisper's are, fall
apart under it (0.1 behind the positions: the embedded model from 0.27 to 1.37 nats a letter)"""
MASK = "masked_spec_embed"
"""What stands in masked frames; models that were never masked in training have none"""


def prepare(model: PreTrainedModel, options: Augment) -> list[str]:
    """Set masking and dropout; returns the names of weights added for training alone."""
    config, base = model.config, model.base_model
    config.apply_spec_augment = True
    config.mask_time_prob, config.mask_time_length = options.time_masks, options.time_mask_frames
    config.mask_feature_prob = options.feature_masks
    config.mask_feature_length = options.feature_mask_channels
    config.mask_time_min_masks = config.mask_feature_min_masks = 0
    if options.dropout is not None:
        for name in DROPOUTS:
            setattr(config, name, options.dropout)
        for name, module in model.named_modules():
            if name == "dropout" or name.endswith(".intermediate_dropout"):
                module.p = options.dropout
            elif isinstance(getattr(module, "dropout", None), float):
                module.dropout = options.dropout  # attention's own
    masked = config.mask_time_prob or config.mask_feature_prob
    if not masked or hasattr(base, MASK):
        return []
    base.register_parameter(MASK, torch.nn.Parameter(torch.zeros(config.hidden_size)))
    prefix = model.base_model_prefix
    return [f"{prefix}.{MASK}"]


def logits_of(model: PreTrainedModel, sounds: Sounds, *, masked: bool, reduced: bool) -> Any:
    """Float32 [sounds, frames, letters].

    Frames behind a sound's end look at nothing and are looked at by none where ``masked``; models
    with a group norm were trained without a mask, and are.
    """
    base = model.base_model
    features = base.feature_extractor(sounds.samples).transpose(1, 2)
    mask = None
    if masked:
        frames = torch.arange(features.shape[1], device=features.device)
        mask = frames[None] < sounds.frames[:, None]
    projected = base.feature_projection(features)
    hidden = projected[0] if isinstance(projected, tuple) else projected
    if model.training and hidden.shape[1] > model.config.mask_time_length:
        hidden = base._mask_hidden_states(hidden, attention_mask=mask)
    kind = hidden.device.type
    with torch.autocast(kind, dtype=torch.bfloat16) if reduced else nullcontext():
        encoded = base.encoder(hidden, attention_mask=mask)[0]
    return model.lm_head(model.dropout(encoded.float()))


def letters_loss(log_probs: torch.Tensor, examples: Examples, blank: int) -> torch.Tensor:
    """CTC (Graves et al. 2006) in nats a letter; sounds weighted as the recipe says.

    ``log_probs``: [sounds, frames, letters].
    """
    each = functional.ctc_loss(
        log_probs.transpose(0, 1),
        examples.labels.to(log_probs.device),
        examples.heard.frames,
        examples.label_lengths.to(log_probs.device),
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    weights = examples.letters_weights.to(each.device)
    letters = (weights * examples.label_lengths.to(each.device)).sum()
    return (weights * each).sum() / letters.clamp_min(1)


def teacher_loss(log_probs: torch.Tensor, taught: torch.Tensor, examples: Examples) -> torch.Tensor:
    """Kullback-Leibler divergence of the teacher from the learner in nats a frame (Hinton 2015).

    Both [sounds, frames, letters]; the mean over the sounds' own frames, weighted.
    """
    each = (taught.exp() * (taught - log_probs)).sum(dim=-1)
    frames = torch.arange(each.shape[1], device=each.device)
    inside = frames[None] < examples.heard.frames[:, None]
    weights = inside * examples.teacher_weights.to(each.device)[:, None]
    return (weights * each).sum() / inside.sum().clamp_min(1)


def groups(model: PreTrainedModel, options: Optimiser) -> list[dict[str, Any]]:
    """Parameter groups in a fixed order, each with its ``name`` and its full ``rate``.

    A part whose rate is 0 is frozen, which costs less.
    """
    base = model.base_model
    front = [*base.feature_extractor.parameters(), *base.feature_projection.parameters()]
    letters = list(model.lm_head.parameters())
    known = {id(weight) for weight in (*front, *letters)}
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    parts = (
        ("front", front, options.front_rate, 0.0),
        ("encoder", rest, options.encoder_rate, options.weight_decay),
        ("letters", letters, options.letters_rate, options.weight_decay),
    )
    for weights in (weights for _, weights, rate, _ in parts if not rate):
        for weight in weights:
            weight.requires_grad_(False)
    if not options.front_rate:
        base.feature_extractor._freeze_parameters()
    return [
        {"params": weights, "name": name, "rate": rate, "lr": rate, "weight_decay": decay}
        for name, weights, rate, decay in parts
        if rate
    ]


def same_letters_and_frames(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether the log-probabilities of two models can be compared, frame by frame."""
    return one.timing == other.timing and (
        one.vocabulary.letters == other.vocabulary.letters
        and one.vocabulary.blank_id == other.vocabulary.blank_id
    )
