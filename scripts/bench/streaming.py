"""What streaming saves and what it changes: partials of growing utterances, batches, agreement.

Partials: recordings of ``speech.tsv`` joined and cut at 3, 6, 10 and 15 s grow in steps of 250 ms;
CPU milliseconds of one partial, streamed and whole turn about, mean over all steps. Batches: 3 s
sounds heard together against one by one, turn about. Agreement: each recording streamed to its end
in such steps against the whole pass: mean Kullback-Leibler divergence of a frame, and both error
rates of the greedy text. One thread.

    scripts/bench_streaming
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.audio.player import read_audio
from speechsearch.config import default_models_dir
from speechsearch.types import SAMPLE_RATE_HZ, Audio, LogProbs

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
STEP = SAMPLE_RATE_HZ // 4
LENGTHS_S = (3, 6, 10, 15)
BATCHES = (2, 4, 8)
BATCH_SAMPLES = 3 * SAMPLE_RATE_HZ


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of this thread, which alone works."""
    began_s = time.thread_time()
    work()
    return (time.thread_time() - began_s) * 1000


def ends(samples: int) -> list[int]:
    """Where each call's audio ends."""
    return [*range(STEP, samples, STEP), samples]


def partials(model: OnnxAcousticModel, sounds: list[Audio]) -> dict[str, float]:
    """Mean cost of a partial, streamed and whole, and of the last alone."""
    streamed, whole = [], []
    for sound in sounds:
        listening = model.listen()
        for end in ends(len(sound)):
            heard = sound[:end]
            streamed.append(cpu_ms(lambda: listening.log_probs(heard)))  # noqa: B023
            whole.append(cpu_ms(lambda: model.log_probs(heard)))  # noqa: B023
    calls = len(ends(len(sounds[0])))
    return {
        "streamed_ms": round(float(np.mean(streamed)), 1),
        "whole_ms": round(float(np.mean(whole)), 1),
        "ratio": round(float(np.sum(streamed) / np.sum(whole)), 3),
        "last_streamed_ms": round(float(np.mean(streamed[calls - 1 :: calls])), 1),
        "last_whole_ms": round(float(np.mean(whole[calls - 1 :: calls])), 1),
        "utterances": len(sounds),
    }


def batches(model: OnnxAcousticModel, sound: Audio, size: int, rounds: int) -> dict[str, float]:
    """Median cost per sound, together and one by one."""
    pieces = [sound[i * BATCH_SAMPLES : (i + 1) * BATCH_SAMPLES] for i in range(size)]
    together, alone = [], []
    for _ in range(rounds):
        together.append(cpu_ms(lambda: model.log_probs_of(pieces)) / size)
        alone.append(cpu_ms(lambda: [model.log_probs(piece) for piece in pieces]) / size)
    return {
        "sounds": size,
        "together_ms": round(float(np.median(together)), 1),
        "alone_ms": round(float(np.median(alone)), 1),
        "ratio": round(float(np.median(together) / np.median(alone)), 3),
    }


def agreement(model: OnnxAcousticModel, lines: list[dict[str, str]]) -> dict[str, float]:
    """How far the last of the streamed calls is from the whole pass."""
    divergences, streamed, whole = [], Errors(), Errors()
    for line in lines:
        sound = read_audio(DATA / line["path"])
        listening = model.listen()
        for end in ends(len(sound)):
            heard = listening.log_probs(sound[:end])
        expected = model.log_probs(sound)
        divergences.append((np.exp(expected) * (expected - heard)).sum(axis=1).mean())
        streamed += count_errors(line["transcript"], text(model, heard))
        whole += count_errors(line["transcript"], text(model, expected))
    return {
        "recordings": len(lines),
        "divergence_nats_mean": round(float(np.mean(divergences)), 5),
        "divergence_nats_p95": round(float(np.percentile(divergences, 95)), 5),
        "wer_streamed": round(streamed.wer, 4),
        "wer_whole": round(whole.wer, 4),
        "cer_streamed": round(streamed.cer, 4),
        "cer_whole": round(whole.cer, 4),
    }


def text(model: OnnxAcousticModel, log_probs: LogProbs) -> str:
    """The greedy transcript."""
    return greedy(log_probs, model.info.vocabulary, model.info.timing).text


def main() -> None:
    """Print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=4, help="of each length")
    parser.add_argument("--rounds", type=int, default=15, help="of each batch")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    with (DATA / "speech.tsv").open(newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    model = OnnxAcousticModel.load(find_model("w2v2-starter", [default_models_dir()]), 1)
    model.warm_up()
    joined = np.concatenate([read_audio(DATA / line["path"]) for line in lines])
    report: dict[str, Any] = {"partials": {}, "batches": [], "agreement": {}}
    for seconds in LENGTHS_S:
        size = seconds * SAMPLE_RATE_HZ
        sounds = [joined[i * size : (i + 1) * size] for i in range(arguments.utterances)]
        report["partials"][f"{seconds} s"] = partials(model, sounds)
        print(f"partials {seconds} s", report["partials"][f"{seconds} s"], flush=True)
    for size in BATCHES:
        report["batches"].append(batches(model, joined, size, arguments.rounds))
        print("batches", report["batches"][-1], flush=True)
    parted = {"up to 10 s": [], "over 10 s": []}
    for line in lines:
        parted["up to 10 s" if float(line["seconds"]) <= 10 else "over 10 s"].append(line)
    for name, some in parted.items():
        report["agreement"][name] = agreement(model, some)
        print("agreement", name, report["agreement"][name], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
