"""A little model, a little speech (a tone for each letter), and a recipe for both."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from speechsearch.learning.training.recipe import read_recipe

LETTERS = {"<pad>": 0, "|": 1, "A": 2, "B": 3, "C": 4}
TONES_HZ = {"a": 400, "b": 900, "c": 1600}
WORDS = ("ab", "ba", "cab", "aa", "bc ab", "ca", "abc", "b a c", "cc", "acb")
RECIPE = """
start = "little"
out = "run"
seed = 3
watch_every_steps = {watch}
save_every_s = {save}

[[speech]]
table = "train.tsv"
times = 1.5
teacher = {teacher}

[lengths]
most_silence_ms = 60

[augment]
speed_share = 0.3
noise_share = 0.3
gain_share = 0.3
band_share = 0.2
clip_share = 0.2
time_masks = 0.1
time_mask_frames = 2
dropout = 0.1

[optimiser]
steps = {steps}
batch_s = 2.5
front_rate = 1e-3
encoder_rate = 3e-3
letters_rate = 1e-2
warmup_steps = 5

[[watch]]
name = "tones"
table = "train.tsv"
where = {{ speaker = "s1" }}
"""


def spoken(words):
    """The tones of the letters, 120 ms each, pauses between."""
    pieces = []
    for letter in words:
        time_s = np.arange(1920) / 16000
        tone = 0.3 * np.sin(2 * np.pi * TONES_HZ[letter] * time_s) if letter in TONES_HZ else 0
        pieces += [tone * np.ones(1920), np.zeros(640)]
    sound = np.concatenate([np.zeros(1600), *pieces, np.zeros(1600)])
    noise = 0.001 * np.random.default_rng(len(sound)).standard_normal(len(sound))
    return (sound + noise).astype(np.float32)


@pytest.fixture
def table(tmp_path):
    """train.tsv with ten recordings of two speakers."""
    lines = ["path\ttranscript\tspeaker\tage"]
    for number, words in enumerate(WORDS):
        soundfile.write(tmp_path / f"{number}.flac", spoken(words), 16000)
        lines.append(f"{number}.flac\t{words}\ts{number % 2}\t{number + 5}")
    path = tmp_path / "train.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def little(tmp_path):
    """A checkpoint folder with random weights that hears 20 ms frames."""
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    transformers = pytest.importorskip("transformers", reason="needs the [torch] extra")
    folder = tmp_path / "little"
    config = transformers.Wav2Vec2Config(
        vocab_size=5, conv_dim=[24, 24], conv_kernel=[40, 20], conv_stride=[20, 16],
        num_feat_extract_layers=2, hidden_size=48, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer", do_stable_layer_norm=True, mask_time_prob=0.0, pad_token_id=0,
        layerdrop=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    tokens = {"pad_token": "<pad>", "word_delimiter_token": "|"}
    for name, content in {
        "vocab.json": LETTERS,
        "tokenizer_config.json": tokens,
        "preprocessor_config.json": {"sampling_rate": 16000, "do_normalize": True},
    }.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture
def recipe_file(tmp_path, table, little):
    """Writes the recipe; returns its path."""

    def write(steps=30, save=100.0, watch=1000, teacher=0.0, more=""):
        path = tmp_path / "recipe.toml"
        head = 'teacher = "little"\n' if teacher else ""
        text = RECIPE.format(steps=steps, save=save, watch=watch, teacher=teacher)
        path.write_text(head + text + more)
        return path

    return write


@pytest.fixture
def recipe(recipe_file):
    """Reads what ``recipe_file`` writes."""
    return lambda **changes: read_recipe(recipe_file(**changes))
