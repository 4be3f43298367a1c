"""Word errors of each second ear: alone, and in words that the first ear's log-probs bear out.

Whole recordings, no endpoints, so that every ear hears the same sound. *alone*: its likeliest
reading; *judged*: the reading that both ears believe most, the first ear's text where none is
believed. CPU seconds per second of sound, of a process that hears with one thread. Noise: clips
without speech that would get words, behind the first ear's gate and without it. 95 % bootstrap
intervals over speakers.

    scripts/bench_second_ear
    scripts/bench_second_ear --ear tiny.en:5 --ear base:5:whole --limit 150
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import DATA
from second_ear_hear import rows_of

from speechsearch.asr.ctc import greedy
from speechsearch.asr.folder import find_model
from speechsearch.asr.gate import Gate
from speechsearch.asr.onnx import OnnxAcousticModel
from speechsearch.asr.plausible import Judge
from speechsearch.asr.second_ear import Reheard
from speechsearch.asr.wer import Errors, count_errors
from speechsearch.audio.player import read_audio
from speechsearch.config import cache_dir, load_settings
from speechsearch.learning.table import Recording

EARS = ("tiny.en:1", "tiny.en:5", "tiny.en:5:whole", "base:1", "base:5", "moonshine-tiny")
DRAWS = 2000


class FirstEar:
    """The acoustic model's log-probs and greedy text, each recording once."""

    def __init__(self) -> None:
        settings = load_settings()
        self._model = OnnxAcousticModel.load(
            find_model(settings.asr.model, [settings.models_dir]), threads=1
        )
        self._heard: dict[str, Any] = {}
        info = self._model.info
        self.timing = info.timing
        self.judge = Judge(info.vocabulary, info.timing)

    def log_probs(self, row: Recording) -> Any:
        """Of a recording."""
        if row.name not in self._heard:
            self._heard[row.name] = self._model.log_probs(read_audio(row.path))
        return self._heard[row.name]

    def text(self, row: Recording) -> str:
        """The greedy text; empty where the gate takes it for noise."""
        info = self._model.info
        heard = greedy(self.log_probs(row), info.vocabulary, info.timing)
        return heard.text if Gate().judge(heard).is_speech else ""


def rates(rows: Sequence[Recording], text_of: Callable[[Recording], str]) -> dict[str, Any]:
    """Word and letter error rates with intervals over speakers."""
    by_speaker: dict[str, Errors] = {}
    for row in rows:
        speaker = row.columns.get("speaker", row.name)
        errors = count_errors(row.transcript, text_of(row))
        by_speaker[speaker] = by_speaker.get(speaker, Errors()) + errors
    parts = list(by_speaker.values())
    draws = np.random.default_rng(0).integers(0, len(parts), (DRAWS, len(parts)))
    counts = np.array([(e.word_errors, e.words) for e in parts])[draws].sum(axis=1)
    low, high = np.percentile(counts[:, 0] / counts[:, 1], [2.5, 97.5])
    whole = sum(parts, Errors())
    return {
        "wer": round(whole.wer, 4),
        "cer": round(whole.cer, 4),
        "wer_95": [round(float(low), 3), round(float(high), 3)],
    }


def heard_by(spec: str, folder: Path, tables: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What a second ear says of each recording; heard now where it is not written down yet."""
    out = folder / f"{spec.replace(':', '_')}.jsonl"
    script = Path(__file__).with_name("second_ear_hear.py")
    subprocess.run([sys.executable, script, spec, out, *tables], check=True)
    return {line["name"]: line for line in map(json.loads, out.read_text().splitlines())}


def measure(
    spec: str, heard: dict[str, dict[str, Any]], rows: dict[str, list[Recording]], first: FirstEar
) -> dict[str, Any]:
    """All figures of one second ear."""
    report: dict[str, Any] = {"ear": spec}

    def readings(row: Recording) -> list[Reheard]:
        return [Reheard(*reading) for reading in heard[row.name]["readings"]]

    def judged(row: Recording) -> str:
        found = first.judge.judge(readings(row), first.log_probs(row))
        why[found.reason] += 1
        return found.fit.hypothesis.text if found.fit else first.text(row)

    for table in (table for table in rows if table != "noise"):
        why: Counter[str] = Counter()
        lines = [heard[row.name] for row in rows[table]]
        seconds = sum(line["seconds"] for line in lines)
        report[table] = {
            "n": len(lines),
            "alone": rates(rows[table], lambda row: next((r.text for r in readings(row)), "")),
            "judged": rates(rows[table], judged),
            "judgements": dict(why),
            "cpu_s_per_audio_s": round(sum(line["cpu_s"] for line in lines) / seconds, 4),
            "cpu_s_each": round(sum(line["cpu_s"] for line in lines) / len(lines), 3),
        }
    clips = rows.get("noise", [])
    fits = [first.judge.judge(readings(row), first.log_probs(row)).fit is not None for row in clips]
    gated = [bool(first.text(row)) for row in clips]
    report["noise"] = {
        "n": len(clips),
        "ear_says_words": sum(bool(readings(row)) for row in clips),
        "believed_without_gate": sum(fits),
        "first_ear_speech": sum(gated),
        "believed": sum(fit and speech for fit, speech in zip(fits, gated, strict=True)),
    }
    return report


def show(report: dict[str, Any]) -> None:
    """A line for each table."""
    for table, part in report.items():
        if isinstance(part, dict) and "alone" in part:
            alone, judged = part["alone"], part["judged"]
            print(
                f"{report['ear']:16} {table:8} n {part['n']:4}  alone WER {alone['wer']:.3f} "
                f"{alone['wer_95']} CER {alone['cer']:.3f}  judged WER {judged['wer']:.3f} "
                f"{judged['wer_95']} CER {judged['cer']:.3f}  CPU {part['cpu_s_per_audio_s']:.3f} "
                f"({part['cpu_s_each']:.2f} s each)  {part['judgements']}"
            )
    print(f"{report['ear']:16} noise    {report['noise']}", flush=True)


def main() -> None:
    """Hear, judge, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ear", action="append", metavar="NAME[:beam[:quiet]]", help="repeatable")
    parser.add_argument("--limit", type=int, help="of phrases.tsv and train.tsv, only so many")
    parser.add_argument("--table", action="append", help="tables [speech, phrases, noise]")
    parser.add_argument("--kept", type=Path, help="folder of what ears said [the cache]")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.exit(1, f"the recordings are not here: {DATA}\n")
    tables = arguments.table or ["speech", "phrases", "noise"]
    limits = {t: arguments.limit if t in ("phrases", "train") else None for t in tables}
    rows = {table: rows_of(table, limit) for table, limit in limits.items()}
    wanted = [table + (f":{limit}" if limit else "") for table, limit in limits.items()]
    folder = arguments.kept or cache_dir() / "second-ear"
    folder.mkdir(parents=True, exist_ok=True)
    first = FirstEar()
    for table in (table for table in tables if table != "noise"):
        found = rates(rows[table], first.text)
        print(f"first ear, greedy {table:8} n {len(rows[table]):4}  {found}", flush=True)
    reports = []
    for spec in arguments.ear or EARS:
        reports.append(measure(spec, heard_by(spec, folder, wanted), rows, first))
        show(reports[-1])
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main()
