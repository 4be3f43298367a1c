"""Checkpoint folders as they lie on the hub, filled with random weights ([torch] extra).

``base-960h`` has the very configuration files of facebook/wav2vec2-base-960h, the names of weights
that its file has, and its 94,396,320 parameters; the others are the published families made small,
each with its own front end, mask, vocabulary and file layout. They hear nothing: they show that a
folder of that layout is read rightly. ``shrunken`` makes base-960h small too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

BASE_960H_CONFIG: dict[str, Any] = {
    "_name_or_path": "facebook/wav2vec2-base-960h",
    "activation_dropout": 0.1,
    "apply_spec_augment": True,
    "architectures": ["Wav2Vec2ForCTC"],
    "attention_dropout": 0.1,
    "bos_token_id": 1,
    "codevector_dim": 256,
    "contrastive_logits_temperature": 0.1,
    "conv_bias": False,
    "conv_dim": [512, 512, 512, 512, 512, 512, 512],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "ctc_loss_reduction": "sum",
    "ctc_zero_infinity": False,
    "diversity_loss_weight": 0.1,
    "do_stable_layer_norm": False,
    "eos_token_id": 2,
    "feat_extract_activation": "gelu",
    "feat_extract_dropout": 0.0,
    "feat_extract_norm": "group",
    "feat_proj_dropout": 0.1,
    "feat_quantizer_dropout": 0.0,
    "final_dropout": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-05,
    "layerdrop": 0.1,
    "mask_feature_length": 10,
    "mask_feature_prob": 0.0,
    "mask_time_length": 10,
    "mask_time_prob": 0.05,
    "model_type": "wav2vec2",
    "num_attention_heads": 12,
    "num_codevector_groups": 2,
    "num_codevectors_per_group": 320,
    "num_conv_pos_embedding_groups": 16,
    "num_conv_pos_embeddings": 128,
    "num_feat_extract_layers": 7,
    "num_hidden_layers": 12,
    "num_negatives": 100,
    "pad_token_id": 0,
    "proj_codevector_dim": 256,
    "transformers_version": "4.7.0.dev0",
    "vocab_size": 32,
}
UPPER = ["<pad>", "<s>", "</s>", "<unk>", *"|ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
LOWER = [
    "|",
    "'",
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "l",
    "m",
    "n",
    "o",
    "p",
    "q",
    "r",
    "s",
    "t",
    "u",
    "v",
    "w",
    "x",
    "y",
    "z",
    "[UNK]",
    "[PAD]",
]
STOCK_MARKS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
BRACKETED = {"unk_token": "[UNK]", "pad_token": "[PAD]"}
_SMALL: dict[str, Any] = {
    "conv_dim": [24, 24],
    "conv_kernel": [40, 20],
    "conv_stride": [20, 16],
    "num_feat_extract_layers": 2,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


@dataclass(frozen=True)
class Kind:
    """One published layout."""

    config_class: str
    model_class: str
    config: Mapping[str, Any]
    letters: list[str] = field(default_factory=lambda: UPPER)
    marks: Mapping[str, str] = field(default_factory=lambda: STOCK_MARKS)
    processor: Mapping[str, bool] = field(
        default_factory=lambda: {"do_normalize": True, "return_attention_mask": True}
    )
    pickle: bool = False
    """Weights in ``pytorch_model.bin`` instead of safetensors"""


_LAYERED = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
KINDS = {
    "base-960h": Kind(
        "Wav2Vec2Config",
        "Wav2Vec2ForCTC",
        BASE_960H_CONFIG,
        processor={"do_normalize": True, "return_attention_mask": False},
    ),
    "large-lv60": Kind("Wav2Vec2Config", "Wav2Vec2ForCTC", _LAYERED),
    "xlsr-lower-case": Kind(
        "Wav2Vec2Config", "Wav2Vec2ForCTC", _LAYERED, LOWER, BRACKETED, pickle=True
    ),
    "hubert": Kind("HubertConfig", "HubertForCTC", _LAYERED),
    "wavlm": Kind(
        "WavLMConfig",
        "WavLMForCTC",
        {"feat_extract_norm": "group", "do_stable_layer_norm": False},
        processor={"do_normalize": False, "return_attention_mask": True},
    ),
    "data2vec-audio": Kind("Data2VecAudioConfig", "Data2VecAudioForCTC", {}),
}


def write_checkpoint(folder: Path, name: str, *, shrunken: bool = True, seed: int = 0) -> Path:
    """Write the folder of one of ``KINDS``; its letters are as unsure as random weights are."""
    kind = KINDS[name]
    folder.mkdir(parents=True, exist_ok=True)
    letters = {letter: i for i, letter in enumerate(kind.letters)}
    stated = {
        **kind.config,
        **(_SMALL if shrunken else {}),
        "vocab_size": len(letters),
        "pad_token_id": letters[kind.marks["pad_token"]],
        "architectures": [kind.model_class],
    }
    if shrunken and name == "data2vec-audio":
        stated["num_conv_pos_embeddings"] = 2
    if shrunken and name == "wavlm":
        stated["num_hidden_layers"] = 2  # the second takes its position bias from the first
    torch.manual_seed(seed)
    config = getattr(transformers, kind.config_class)(**stated)
    model = getattr(transformers, kind.model_class)(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(30)
    if name == "base-960h":
        _write(folder / "config.json", stated)
    else:
        config.save_pretrained(folder)
    _write(folder / "vocab.json", letters)
    _write(folder / "tokenizer_config.json", {**kind.marks, "do_lower_case": False})
    _write(folder / "special_tokens_map.json", kind.marks)
    _write(
        folder / "preprocessor_config.json",
        {
            **kind.processor,
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "feature_size": 1,
            "padding_side": "right",
            "padding_value": 0.0,
            "sampling_rate": 16000,
        },
    )
    card = "---\nlanguage: en\nlicense: apache-2.0\n---\n# random weights\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
    _save_weights(model, folder, kind)
    return folder


def _save_weights(model: Any, folder: Path, kind: Kind) -> None:
    weights = {_old_name(n): w.detach().contiguous() for n, w in model.state_dict().items()}
    if kind.pickle:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _old_name(name: str) -> str:
    """As files of torch before version 2 name the parts of a normed weight."""
    name = name.replace("parametrizations.weight.original0", "weight_g")
    return name.replace("parametrizations.weight.original1", "weight_v")


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
