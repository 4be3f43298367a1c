"""What the embedded model and its server take: CPU seconds a second of sound on one core, memory.

*Real-time factor*: every recording of ``speech.tsv`` as a whole through the acoustic model, ONNX
int8, one thread kept on one core, CPU time of the process; the least of three passes, since others
on the machine only ever add. *Memory*: of a server (demo books) that hears those recordings and as
many of ``commands.tsv`` in sessions one after another: resident when it is ready and at the end,
and the most in between; without a second ear, and with one.

    scripts/bench_footprint --json scripts/bench/results/footprint.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import DATA

from speechsearch.asr.folder import find_model
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.audio.player import read_audio
from speechsearch.client.private import private_server
from speechsearch.client.query import query_sound
from speechsearch.config import load_settings
from speechsearch.learning.table import read_table
from speechsearch.types import SAMPLE_RATE_HZ, Audio

PASSES = 3
LENGTHS_S = ((0.0, 3.0), (3.0, 6.0), (6.0, np.inf))
EARS = ("off", "tiny.en")


def real_time_factors(sounds: Sequence[Audio], name: str) -> dict[str, Any]:
    """CPU seconds a second of sound, by length."""
    settings = load_settings()
    folder = find_model(name or settings.asr.model, settings.model_dirs)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        model = OnnxAcousticModel.load(folder, threads=1)
        model.warm_up()
        spent_s = np.array([[_cpu_s(model, sound) for sound in sounds] for _ in range(PASSES)])
    finally:
        os.sched_setaffinity(0, cores)
    least_s, lengths_s = spent_s.min(axis=0), np.array([len(s) / SAMPLE_RATE_HZ for s in sounds])
    groups = {f"{a:g} to {b:g} s": (lengths_s >= a) & (lengths_s < b) for a, b in LENGTHS_S}
    groups["all"] = np.ones(len(sounds), bool)
    return {
        name: {
            "n": int(part.sum()),
            "seconds": round(float(lengths_s[part].sum()), 1),
            "real_time_factor": round(float(least_s[part].sum() / lengths_s[part].sum()), 4),
            "highest": round(float((least_s[part] / lengths_s[part]).max()), 4),
        }
        for name, part in groups.items()
        if part.any()
    }


def _cpu_s(model: OnnxAcousticModel, sound: Audio) -> float:
    began_s = time.process_time()
    model.log_probs(sound)
    return time.process_time() - began_s


async def memory(sounds: Sequence[Audio], model: str, ear: str) -> dict[str, float]:
    """Megabytes of one server."""
    asked = ["--second-pass", ear, *(["--model", model] if model else [])]
    settings = load_settings()
    async with private_server(asked) as server:
        ready_mb = _resident_mb(server.pid, "VmRSS")
        answers = 0
        for number, sound in enumerate(sounds):
            async for _ in query_sound(sound, str(number), server.url, settings, speed=0):
                answers += 1
        return {
            "recordings": len(sounds),
            "answers": answers,
            "ready_mb": ready_mb,
            "end_mb": _resident_mb(server.pid, "VmRSS"),
            "peak_mb": _resident_mb(server.pid, "VmHWM"),
        }


def _resident_mb(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="acoustic model")
    parser.add_argument("--limit", type=int, help="only so many recordings of each table")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    speech = [read_audio(row.path) for row in read_table(DATA / "speech.tsv")[: arguments.limit]]
    others = read_table(DATA / "commands.tsv")[: len(speech)]
    report: dict[str, Any] = {"one_core": real_time_factors(speech, arguments.model)}
    for length, figures in report["one_core"].items():
        print(f"{length:12}", "  ".join(f"{k} {v}" for k, v in figures.items()), flush=True)
    sounds = [*speech, *(read_audio(row.path) for row in others)]
    report["memory"] = {}
    for ear in EARS:
        report["memory"][ear] = asyncio.run(memory(sounds, arguments.model, ear))
        print(f"second ear {ear:8}", report["memory"][ear], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
