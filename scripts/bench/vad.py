"""Compare the speech detectors: frames against labels, endpoints against the end of speech.

Miss and false alarm: share of speech (silence) frames of ``vad.tsv`` called silence (speech).
Endpoints: each recording of ``speech.tsv`` and ``commands.tsv``, followed by its own noise floor,
goes through the endpointer; the utterance that covers the labelled end of speech t0 gives the
delay t1 - t0 on the audio's clock. An endpoint more than 50 ms before t0 is a cut inside a
sentence. Rows whose t0 is doubtful (spread over 0.3 s) are left out.

    scripts/bench_vad
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speechsearch.audio.player import noise_floor, read_audio
from speechsearch.config import default_models_dir
from speechsearch.types import SAMPLE_RATE_HZ
from speechsearch.vad.build import build_detector
from speechsearch.vad.endpointer import Endpointer, EndpointerOptions, SpeechEnd

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DETECTORS = ("silero", "webrtc:0", "webrtc:1", "webrtc:2", "webrtc:3")
HANGOVERS_MS = (200, 300, 400, 500, 700)
EARLY_S = 0.05
TAIL_S = 3.0


@dataclass(frozen=True)
class Track:
    """Frame probabilities of one recording."""

    probabilities: np.ndarray
    frame_samples: int
    t0_s: float = 0.0


def track(name: str, sound: np.ndarray, t0_s: float = 0.0) -> Track:
    """Run a fresh detector over a recording."""
    engine, _, level = name.partition(":")
    detector = build_detector(engine, default_models_dir(), int(level or 2))
    size = detector.frame_samples
    frames = range(0, len(sound) - size + 1, size)
    found = [detector.speech_probability(sound[start : start + size]) for start in frames]
    return Track(np.array(found), size, t0_s)


def rows(table: str) -> list[dict[str, str]]:
    """The rows of one of the tables."""
    with (DATA / table).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def frame_errors(name: str) -> tuple[float, float, float]:
    """Miss and false alarm at the start threshold, and CPU ms per second of sound."""
    labels: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows("vad.tsv"):
        labels[row["path"]].append((float(row["start"]), float(row["end"])))
    counts, heard_s, began_s = np.zeros((2, 2), int), 0.0, time.process_time()
    for path, spans in labels.items():
        sound = read_audio(DATA / path)
        heard_s += len(sound) / SAMPLE_RATE_HZ
        result = track(name, sound)
        middle_s = (np.arange(len(result.probabilities)) + 0.5) * result.frame_samples
        middle_s = middle_s / SAMPLE_RATE_HZ
        truth = np.zeros(len(middle_s), bool)
        for start_s, end_s in spans:
            truth |= (middle_s >= start_s) & (middle_s < end_s)
        np.add.at(counts, (truth.astype(int), (result.probabilities >= 0.5).astype(int)), 1)
    cpu_ms = (time.process_time() - began_s) * 1000 / heard_s
    return counts[1, 0] / counts[1].sum(), counts[0, 1] / counts[0].sum(), cpu_ms


def endpoints(result: Track, options: EndpointerOptions) -> tuple[bool, float | None]:
    """Whether speech was cut before t0, and t1 - t0 in ms of the utterance that covers t0."""
    endpointer, size, start_s, cut = Endpointer(options), result.frame_samples, 0.0, False
    for place, probability in enumerate(result.probabilities):
        for event in endpointer.step(float(probability), place * size, (place + 1) * size):
            if not isinstance(event, SpeechEnd):
                start_s = getattr(event, "start_sample", start_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
                continue
            t1_s = event.decided_sample / SAMPLE_RATE_HZ
            if t1_s < result.t0_s - EARLY_S:
                cut = True
            elif start_s < result.t0_s:
                return cut, (t1_s - result.t0_s) * 1000
    return cut, None


def endpoint_row(tracks: list[Track], hangover_ms: float) -> dict[str, float]:
    """Delays and cuts of a table at one hangover."""
    options = replace(EndpointerOptions(), hangover_ms=hangover_ms)
    found = [endpoints(result, options) for result in tracks]
    delays_ms = [delay for _, delay in found if delay is not None]
    return {
        "hangover_ms": hangover_ms,
        "t1_t0_p50_ms": round(float(np.median(delays_ms)), 1),
        "t1_t0_p95_ms": round(float(np.percentile(delays_ms, 95)), 1),
        "cut_rate": round(float(np.mean([cut for cut, _ in found])), 4),
        "no_endpoint": sum(delay is None for _, delay in found),
        "n": len(found),
    }


def tracks_of(name: str, table: str) -> list[Track]:
    """Every recording of a table whose t0 can be trusted."""
    kept = [row for row in rows(table) if row["t0"] and float(row["t0_spread"]) <= 0.3]
    found = []
    for row in kept:
        sound = read_audio(DATA / row["path"])
        sound = np.concatenate([sound, noise_floor(sound, round(TAIL_S * SAMPLE_RATE_HZ))])
        found.append(track(name, sound, float(row["t0"])))
    return found


def main() -> None:
    """Print one table for frames, one for endpoints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    report: dict[str, dict[str, object]] = {}
    print("detector    miss  false alarm  CPU ms/s")
    for name in DETECTORS:
        miss, false_alarm, cpu_ms = frame_errors(name)
        report[name] = {"miss": miss, "false_alarm": false_alarm, "cpu_ms_per_s": cpu_ms}
        print(f"{name:10} {miss:5.1%}  {false_alarm:11.1%}  {cpu_ms:8.2f}", flush=True)
    print("\ntable         detector   hangover  t1-t0 p50   p95   cut inside  none    n")
    for table in ("speech.tsv", "commands.tsv"):
        for name in DETECTORS:
            tracks = tracks_of(name, table)
            report[name][table] = lines = [endpoint_row(tracks, ms) for ms in HANGOVERS_MS]
            for line in lines:
                print(
                    f"{table:13} {name:10} {line['hangover_ms']:5} ms  {line['t1_t0_p50_ms']:6} "
                    f"{line['t1_t0_p95_ms']:6}  {line['cut_rate']:10.1%} {line['no_endpoint']:5} "
                    f"{line['n']:4}",
                    flush=True,
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
