"""A training packed, carried, trained elsewhere and brought back."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts" / "packing"))

from parts import PartsError, join, split  # noqa: E402

from speechsearch.learning.training.recipe import read_recipe  # noqa: E402

RECIPES = ROOT / "speechsearch" / "learning" / "recipes"
LETTERS = {"<pad>": 0, "|": 1, "A": 2, "B": 3}
RECIPE = """
start = "little"
seed = 3
watch_every_steps = 1000
[[speech]]
table = "train.tsv"
where = { speaker = "s1" }
[lengths]
most_silence_ms = 20
[augment]
rooms = "noise.tsv"
noise = "noise.tsv"
[optimiser]
steps = 6
batch_s = 2.0
[[watch]]
name = "other"
table = "train.tsv"
where = { speaker = "s0" }
most = 1
"""


@given(st.binary(max_size=200), st.integers(2, 60))
def test_parts_make_the_whole(tmp_path_factory, content, most):
    folder = tmp_path_factory.mktemp("parts")
    (folder / "x.bin").write_bytes(content)
    manifest = split(folder / "x.bin", folder / "out", most)
    parts = sorted((folder / "out").glob("x.bin.[0-9][0-9]"))
    assert all(path.stat().st_size <= most for path in parts)
    assert join(manifest, folder / "back").read_bytes() == content


@pytest.fixture
def carried(tmp_path):
    (tmp_path / "x.bin").write_bytes(bytes(range(250)))
    return split(tmp_path / "x.bin", tmp_path / "out", 100)


def test_a_part_that_is_missing_is_named(carried):
    (carried.parent / "x.bin.01").unlink()
    with pytest.raises(PartsError, match=r"x\.bin\.01 is missing"):
        join(carried, carried.parent)


def test_a_part_that_changed_on_the_way_is_named(carried):
    (carried.parent / "x.bin.02").write_bytes(bytes(50))
    with pytest.raises(PartsError, match=r"x\.bin\.02 is not what was sent"):
        join(carried, carried.parent)
    assert not (carried.parent / "x.bin").exists()


def test_a_manifest_reaches_no_file_outside_its_folder(carried, tmp_path):
    (tmp_path / "secret").write_bytes(b"s")
    told = json.loads(carried.read_text())
    told["parts"][0]["file"] = "../secret"
    carried.write_text(json.dumps(told))
    with pytest.raises(PartsError, match="missing"):
        join(carried, carried.parent)


@pytest.mark.parametrize("name", [path.name for path in RECIPES.glob("*.toml")])
def test_a_recipe_written_out_is_the_same_recipe(name, tmp_path):
    pytest.importorskip("torch", reason="needs the [torch] extra")
    from packing import as_toml

    recipe = read_recipe(RECIPES / name)
    (tmp_path / name).write_text(as_toml(recipe))
    assert read_recipe(tmp_path / name) == recipe


@pytest.fixture
def home(tmp_path):
    """A recipe with a little model, four recordings, a room and a noise."""
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    transformers = pytest.importorskip("transformers", reason="needs the [torch] extra")
    pytest.importorskip("torchaudio", reason="needs the [torch] extra")
    random = np.random.default_rng(0)
    lines = ["path\ttranscript\tspeaker"]
    for number, words in enumerate(("ab", "ba", "aba", "a b")):
        sound = 0.1 * random.standard_normal(16000 + 800 * number)
        soundfile.write(tmp_path / f"{number}.flac", sound, 16000)
        lines.append(f"{number}.flac\t{words}\ts{number % 2}")
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
    soundfile.write(tmp_path / "hum.flac", 0.1 * random.standard_normal(8000), 16000)
    soundfile.write(tmp_path / "hall.flac", np.r_[1.0, 0.2 * random.standard_normal(400)], 16000)
    (tmp_path / "noise.tsv").write_text("path\tkind\nhum.flac\thum\nhall.flac\trir\n")
    config = transformers.Wav2Vec2Config(
        vocab_size=4, conv_dim=[24, 24], conv_kernel=[40, 20], conv_stride=[20, 16],
        num_feat_extract_layers=2, hidden_size=48, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=4, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4,
        feat_extract_norm="layer", do_stable_layer_norm=True, mask_time_prob=0.0, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.Wav2Vec2ForCTC(config).save_pretrained(tmp_path / "little")
    tokens = {"pad_token": "<pad>", "word_delimiter_token": "|"}
    for name, content in {
        "vocab.json": LETTERS,
        "tokenizer_config.json": tokens,
        "preprocessor_config.json": {"sampling_rate": 16000, "do_normalize": True},
    }.items():
        (tmp_path / "little" / name).write_text(json.dumps(content))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def command(*words, fails=False):
    done = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, timeout=300, check=False
    )
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_is_packed_here_trains_there_and_comes_back(home, tmp_path):
    out, there, brought = home / "packed", tmp_path / "there", tmp_path / "brought"
    command(
        ROOT / "scripts" / "pack_training", out, "--recipe", home / "recipe.toml", "--part-mib", 1
    )
    assert len(list(out.glob("pack.tar.[0-9][0-9]"))) > 1
    shutil.copytree(out, there)
    shutil.rmtree(out)
    for file in (*home.glob("*.flac"), home / "little" / "model.safetensors"):
        file.rename(file.with_suffix(".away"))  # nothing but the pack is needed
    train = (there / "train_packed.py", "--out", brought, "--device", "cpu", "--for-s")
    told = command(*train, 0)
    assert "not finished" in told
    assert "2 recordings" in told
    assert "Unfinished: 1 steps" in (brought / "README.md").read_text()
    told = command(*train, 300)
    assert "after step 1" in told

    join_weights = ROOT / "scripts" / "join_weights"
    made = tmp_path / "run"
    command(join_weights, brought, made, "--start", home / "little")
    assert "6 steps of" in (made / "checkpoint" / "README.md").read_text()
    from safetensors.torch import load_file

    weights = load_file(made / "checkpoint" / "model.safetensors")
    assert {str(one.dtype) for one in weights.values()} == {"torch.float16"}

    next(brought.glob("weights.safetensors.00")).write_bytes(b"broken")
    assert "carry it again" in command(
        join_weights, brought, made, "--start", home / "little", fails=True
    )


def test_what_the_start_keeps_in_float32_stays_so():
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    from train_packed import halved

    weights = {"a": torch.ones(2), "b": torch.full((2,), 1e5)}
    mixed = halved(weights, {"a": torch.ones(2).half(), "b": torch.ones(2)})
    assert [str(one.dtype) for one in mixed.values()] == ["torch.float16", "torch.float32"]
    assert torch.equal(mixed["b"], weights["b"])
    whole = halved({"a": weights["a"]}, {"a": torch.ones(2)})
    assert whole["a"].dtype == torch.float16


def test_speech_is_coded_anew_and_rooms_stay_as_they_are(home):
    pytest.importorskip("torch", reason="needs the [torch] extra")
    from packing import pack

    recipe = read_recipe(home / "recipe.toml")
    folder = home / "pack"
    folder.mkdir()
    packed = pack(recipe, {recipe.start: home / "little"}, folder, 16.0)
    placed = read_recipe(folder / "recipe.toml")
    rows = (folder / packed.speech[0].table).read_text().splitlines()
    assert [row.split("\t")[1] for row in rows[1:]] == ["ba", "a b"]
    coded = folder / rows[1].split("\t")[0]
    assert soundfile.info(coded).subtype == "OPUS"
    assert abs(soundfile.info(coded).duration - 1.05) < 0.01
    assert coded.stat().st_size * 8 / 1.05 < 30_000
    rooms = (folder / packed.augment.rooms).read_text().splitlines()
    assert len(rooms) == 2
    assert (folder / rooms[1].split("\t")[0]).read_bytes() == (home / "hall.flac").read_bytes()
    assert Path(placed.watch[0].table).is_file()
    assert (folder / "code" / "speechsearch" / "errors.py").is_file()


def test_a_pack_that_tries_to_leave_its_folder_is_not_unpacked(tmp_path):
    for name in ("parts.py", "train_packed.py"):
        shutil.copyfile(ROOT / "scripts" / "packing" / name, tmp_path / name)
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "pack.tar", "w") as tar:
        tar.add(tmp_path / "evil", "../evil")
    split(tmp_path / "pack.tar", tmp_path, 1 << 20)
    (tmp_path / "pack.tar").unlink()
    told = command(tmp_path / "train_packed.py", "--out", tmp_path / "out", fails=True)
    assert "outside" in told
    assert not (tmp_path / "pack").exists()
