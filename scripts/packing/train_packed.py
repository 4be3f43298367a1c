#!/usr/bin/env python3
"""Train a pack where it was carried to: see the text at the top of scripts/pack_training.

    python3 train_packed.py --out OUT --for-s 480

Lies beside the pack's parts; unpacks them the first time, trains for so long, puts the averaged
weights into OUT in parts, and goes on from there when it is called again. Nothing is downloaded,
nothing outside this folder and OUT is written.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from parts import PartsError, join, split  # noqa: E402

PACK, SITE, RUN = HERE / "pack", HERE / "site", HERE / "run"
NEEDED = (
    "torch", "torchaudio", "transformers", "safetensors", "numpy", "onnxruntime", "msgspec",
    "jiwer", "rapidfuzz", "soundfile", "soxr",
)  # fmt: skip
MOST_BYTES = 15 << 20
SAID_EVERY_STEPS = 25


def main() -> None:
    """Unpack, train, bring out."""
    began_s = time.monotonic()
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    unpack()
    sys.path[:0] = [str(PACK / "code"), str(SITE)]
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"train_packed: {', '.join(missing)} not installed here: pack them, with --wheel")
    from speechsearch.errors import SpeechsearchError

    try:
        train(options, began_s)
    except SpeechsearchError as error:
        sys.exit(f"train_packed: {error}")


def unpack() -> None:
    """The first time only; whole, or not there."""
    if not PACK.is_dir():
        whole = join(HERE / "pack.tar.json", HERE)
        aside = HERE / "pack.part"
        shutil.rmtree(aside, ignore_errors=True)
        with tarfile.open(whole) as tar:
            tar.extractall(aside, filter="data")
        aside.rename(PACK)
        whole.unlink()
    wheels = [str(path) for path in sorted((PACK / "wheels").glob("*.whl"))]
    if wheels and not SITE.is_dir():
        how = ("--quiet", "--no-index", "--no-deps", "--no-cache-dir", "--target", str(SITE))
        subprocess.run([sys.executable, "-m", "pip", "install", *how, *wheels], check=True)


def train(options: argparse.Namespace, began_s: float) -> None:
    """Go on where it was, for so long."""
    import msgspec
    import torch

    from speechsearch.learning.training.recipe import read_recipe
    from speechsearch.learning.training.training import Training, Where

    recipe = msgspec.structs.replace(read_recipe(PACK / "recipe.toml"), out=str(RUN))
    gpu = torch.cuda.is_available() and options.device != "cpu"
    makers = max(1, (os.cpu_count() or 2) - 2)
    where = Where("cuda", makers=makers) if gpu else Where()
    print(f"on {torch.cuda.get_device_name() if gpu else 'the CPU'}, torch {torch.__version__}")
    teacher = Path(recipe.teacher) if recipe.teacher else None
    training = Training(recipe, Path(recipe.start), teacher, where=where)

    def stop() -> bool:
        return time.monotonic() - began_s >= options.for_s

    made = training.run(Lines(), stop)
    print("finished" if made else "not finished: the same command goes on from here")
    bring_out(made, options.out)


class Lines:
    """What happens, line by line."""

    def started(self, corpus, steps_done):
        """Say what is learned from."""
        parts = sorted({one.part for one in corpus.utterances})
        minutes = ", ".join(f"{corpus.minutes(part):.1f}" for part in parts)
        print(f"{len(corpus.utterances)} recordings, minutes by part: {minutes}", flush=True)
        print(f"left out: {dict(corpus.left_out)}; after step {steps_done}", flush=True)

    def stepped(self, stepped):
        """A line now and then."""
        if stepped.step % SAID_EVERY_STEPS == 0:
            told = f"step {stepped.step}  letters {stepped.letters:.3f}  rate {stepped.rate:.2e}"
            pace = stepped.heard_s / max(stepped.worked_s, 1e-9)
            print(
                f"{told}  {pace:.0f} s of sound a second  {stepped.left_s:.0f} s left", flush=True
            )

    def watched(self, step, tables):
        """Error rates."""
        for table in tables:
            rates = f"WER {table.errors.wer:.4f}  CER {table.errors.cer:.4f}"
            print(f"step {step}  {table.name} (n {table.recordings})  {rates}", flush=True)

    def saved(self, path):
        """Nothing to say."""


def bring_out(made: Path | None, out: Path) -> None:
    """The averaged weights in half precision and parts, their card, the metrics."""
    from safetensors.torch import load_file, save_file

    from speechsearch.learning.training import state as states

    if made is not None:
        weights = load_file(made / "model.safetensors")
        card = (made / "README.md").read_text(encoding="utf-8")
    else:
        state = states.newest(RUN)
        if state is None:
            sys.exit("train_packed: nothing was saved, so there is nothing to bring out")
        weights = {name: one for name, one in state.average.items() if "masked_spec" not in name}
        card = f"# {PACK.name}\n\nUnfinished: {state.step} steps were made.\n"
    whole = RUN / "weights.safetensors"
    save_file(halved(weights, load_file(PACK / "start" / "model.safetensors")), whole)
    print(f"brought out: {split(whole, out, MOST_BYTES)}")
    (out / "README.md").write_text(card, encoding="utf-8")
    shutil.copyfile(RUN / "metrics.jsonl", out / "metrics.jsonl")


def halved(weights: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """In half precision, but for what the model begun with has kept in float32 beside halves."""
    import torch

    kept = {name for name, one in start.items() if one.dtype == torch.float32}
    if len(kept) == len(start):
        kept = set()
    return {
        name: (one.float() if name in kept else one.half()).contiguous()
        for name, one in weights.items()
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for what is to be carried back"
    )
    parser.add_argument("--for-s", type=float, default=480.0, help="seconds, unpacking and all")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except PartsError as error:
        sys.exit(f"train_packed: {error}")
