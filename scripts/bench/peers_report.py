"""What the runs of the systems come to: figures, a table for a person, a picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from latency import percentiles

from speechsearch.asr.wer import Errors, count_errors

BUDGET_MS = 500
LONGEST_SHOWN_MS = 3000

Files = Sequence[Mapping[str, Any]]
Rows = Sequence[Mapping[str, str]]


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """The order in which the systems hear a file: each is first, second, ... equally often."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def sample(rows: Sequence[dict[str, str]], limit: int | None) -> list[dict[str, str]]:
    """``limit`` rows from all over the table, always the same, in the table's order.

    A smaller sample is a part of every larger one.
    """
    drawn = np.random.default_rng(0).permutation(len(rows))[:limit]
    return [rows[number] for number in sorted(drawn)]


def word_error_rate(rows: Rows, files: Files) -> float | None:
    """Over all words said; None where no row has a transcript."""
    errors = [
        count_errors(row["transcript"], file["text"])
        for row, file in zip(rows, files, strict=True)
        if row.get("transcript")
    ]
    return round(reduce(add, errors, Errors()).wer, 4) if errors else None


def summary(rows: Rows, files: Files, ready: Mapping[str, Any]) -> dict[str, Any]:
    """One system on one table; percentiles and cut-offs without the rows whose t0 is doubtful."""
    trusted = [file for file in files if not file["t0_doubtful"]]
    audio_s = sum(file["audio_s"] for file in files)
    cuts = sum(file["early_cutoff"] for file in trusted)
    return {
        "set_up": ready["set_up"],
        "n": len(files),
        "t0_doubtful": len(files) - len(trusted),
        "errors": sum(bool(file["error"]) for file in files),
        **{
            key: percentiles([file[key] for file in trusted if file[key] is not None])
            for key in ("t1_t0_ms", "t3_t0_ms")
        },
        "early_cutoff_rate": round(cuts / max(1, len(trusted)), 4),
        "wer": word_error_rate(rows, files),
        "cpu_s_per_audio_s": round(sum(f["cpu_s"] for f in files) / audio_s, 4)
        if audio_s
        else None,
        "peak_rss_mb": max(file["peak_rss_mb"] for file in files),
        "bare_rss_mb": ready["bare_rss_mb"],
        "files": list(files),
    }


def machine() -> str:
    """What it ran on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{platform.system()}, {os.cpu_count()} cores, {names[0] if names else 'unknown CPU'}"


def show(report: Mapping[str, Any]) -> None:
    """The figures, for a person."""
    print(f"\r{report['machine']}; files in real time, one system at a time, orders rotated")
    for table in report["tables"]:
        print(f"{table['table']}: {table['n']} of {table['rows']} files")
        print(f"  {'':34} t3-t0 p50   p95   p99  t1-t0 p50  early  err   WER  CPU s/s  peak MB")
        for name, found in table["systems"].items():
            wer = "    -" if found["wer"] is None else f"{found['wer']:5.3f}"
            times = [*found["t3_t0_ms"].values(), found["t1_t0_ms"]["p50"]]
            t3_50, t3_95, t3_99, t1_50 = ("-" if ms is None else f"{ms:.0f}" for ms in times)
            print(
                f"  {name:34} {t3_50:>9} {t3_95:>5} {t3_99:>5} {t1_50:>10} "
                f"{found['early_cutoff_rate']:6.1%} {found['errors']:4} {wer} "
                f"{found['cpu_s_per_audio_s'] or 0:8.3f} {found['peak_rss_mb']:8.0f}"
            )


def draw(report: Mapping[str, Any], out: Path) -> None:
    """How many of all files are answered by when; what never is keeps the line below 100 %."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tables = report["tables"]
    size = (9, 3.2 * len(tables))
    figure, panels = plt.subplots(len(tables), figsize=size, layout="constrained", squeeze=False)
    for axes, table in zip(panels[:, 0], tables, strict=True):
        for name, found in table["systems"].items():
            trusted = [file for file in found["files"] if not file["t0_doubtful"]]
            times = sorted(f["t3_t0_ms"] for f in trusted if f["t3_t0_ms"] is not None)
            shares = np.arange(1, len(times) + 1) / max(1, len(trusted)) * 100
            axes.step([0, *times], [0, *shares], where="post", label=name)
        axes.axvline(BUDGET_MS, color="crimson", linestyle="--", label=f"budget {BUDGET_MS} ms")
        axes.set(
            xlabel="t3 - t0: ms from the acoustic end of speech to results", ylabel="% of files",
            title=f"{table['table']}, n = {table['n']}, real time, same run", ylim=(0, 101),
            xlim=(0, LONGEST_SHOWN_MS),
        )  # fmt: skip
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small")
    figure.savefig(out, dpi=120)
    plt.close(figure)
