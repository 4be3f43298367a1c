"""Stream recordings at real time through client, socket and server, and time every stage.

The four instants: t0 acoustic end of speech (the table's label), t1 endpoint decision, t2 final
transcript on the server, t3 results at the client; all on one clock, t0 = start of playing + label.
After a file's last sample its own noise floor goes on, so nothing tells the client that it ended.
t1..t3 are those of the utterance that covers t0. An endpoint over 50 ms before t0 is an early
cut-off of that file; it is repaired when a later answer took its sound in and replaced it. A file
without an answer for t0 is an error. Rows whose t0 is doubtful (t0_spread over 0.3 s) are played
and listed, and left out of the percentiles and the rates.

A file's ``text`` is the last one, ``first_text`` that of the first answers; ``words`` counts whose
they are, by length, and their word errors.

    scripts/bench_latency
    scripts/bench_latency --table ../shared/data/commands.tsv --json commands.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import words
from played import Played, file_object, play, read_rows
from prometheus_client.parser import text_string_to_metric_families
from words import percentiles

from speechsearch.client.private import private_server
from speechsearch.config import Settings, load_settings
from speechsearch.errors import SpeechsearchError
from speechsearch.types import Decoder, SearchMode
from speechsearch.wire.address import http_url

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("endpoint", "network", "wait")
"""What the time from t0 to t3 consists of; wait = the server, from the endpoint on"""
HIDDEN = ("queue", "decode", "hypothesis", "search")
"""Stages of the answer, most of which ran in the pause before the endpoint"""
OUTCOMES = ("hit", "late", "none", "discarded")
COUNTERS = {
    "saved_s": "speechsearch_speculation_saved_seconds_total",
    "wasted_cpu_s": "speechsearch_speculation_wasted_cpu_seconds_total",
    "repairs": "speechsearch_repairs_total",
}


async def stream(
    rows: Iterator[dict[str, str]], url: str, settings: Settings, done: list[Played]
) -> None:
    """One speaker: files back to back until there are no more."""
    for row in rows:
        done.append(await play(row, url, settings))
        print(f"\r{len(done)} files", end="", flush=True)


def server_cost(pid: int) -> tuple[float, float]:
    """CPU seconds and peak resident MB of a process so far (Linux /proc)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    peak_kb = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return cpu_s, int(peak_kb) / 1024


def speculations(url: str) -> dict[str, float]:
    """What became of decodes at pauses so far, from the server's own metrics."""
    with urllib.request.urlopen(http_url(url, "/metrics")) as answer:  # noqa: S310
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [s for family in families for s in family.samples if s.name.endswith("_total")]
    counted = {(s.name, s.labels.get("outcome")): s.value for s in samples}
    found = {o: counted.get(("speechsearch_speculations_total", o), 0.0) for o in OUTCOMES}
    found |= {key: counted.get((name, None), 0.0) for key, name in COUNTERS.items()}
    ends = found["hit"] + found["late"] + found["none"]
    return {**found, "hit_rate": round(found["hit"] / ends, 4) if ends else 0.0}


def own_cpu_s() -> float:
    """CPU seconds of this process: player, VAD and client."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def summary(
    done: list[Played],
    streams: int,
    wall_s: float,
    cost: dict[str, float],
    speculation: dict[str, float],
) -> dict[str, Any]:
    """The whole report."""
    trusted = [p for p in done if p.trusted]
    answered = [(p, p.covering) for p in trusted if p.covering]
    instants = {
        "t1_t0_ms": [p.after_t0_ms(a.t1_s) for p, a in answered],
        "t2_t0_ms": [p.after_t0_ms(a.t2_s) for p, a in answered],
        "t3_t0_ms": [p.after_t0_ms(a.t3_s) for p, a in answered],
    }
    heard_s = sum(p.length_s for p in done)
    stages = {s: float(np.mean([a.timings_ms[s] for _, a in answered] or [0])) for s in STAGES}
    stages["endpoint"] = float(np.mean(instants["t1_t0_ms"] or [0]))
    whole_ms = sum(stages.values()) or 1.0
    return {
        "n": len(done),
        "streams": streams,
        **{name: percentiles(values) for name, values in instants.items()},
        "early_cutoff_rate": round(sum(p.early_cutoff for p in trusted) / max(1, len(trusted)), 4),
        "unrepaired_rate": round(sum(p.unrepaired for p in trusted) / max(1, len(trusted)), 4),
        "t3_t1_ms": percentiles([(a.t3_s - a.t1_s) * 1000 for _, a in answered]),
        "speculation": speculation,
        "partials": partials(done),
        "hidden_ms": {
            s: round(float(np.mean([a.timings_ms[s] for _, a in answered] or [0])), 2)
            for s in HIDDEN
        },
        "stage_ms": {stage: round(ms, 2) for stage, ms in stages.items()},
        "stage_share": {stage: round(ms / whole_ms, 4) for stage, ms in stages.items()},
        "queries_per_s": round(sum(len(p.finals) for p in done) / wall_s, 3),
        "cpu_s_per_audio_s": round((cost["server_cpu_s"] + cost["client_cpu_s"]) / heard_s, 4),
        "server_cpu_s_per_audio_s": round(cost["server_cpu_s"] / heard_s, 4),
        "peak_rss_mb": round(cost["peak_rss_mb"], 1),
        "errors": sum(bool(p.error) for p in done),
        "t0_doubtful": len(done) - len(trusted),
        "files": [file_object(p) for p in done],
    }


def partials(done: list[Played]) -> dict[str, Any]:
    """When the first words were there, and whether stable ones stayed."""
    texts = [played.first_word_ms(lambda p: p.text) for played in done]
    stables = [played.first_word_ms(lambda p: p.stable) for played in done]
    words, flipped, changed = map(sum, zip(*(played.stable_words for played in done), strict=True))
    return {
        "first_text_ms": percentiles([ms for ms in texts if ms is not None]),
        "first_stable_ms": percentiles([ms for ms in stables if ms is not None]),
        "stable_words": words,
        "stable_words_taken_back": flipped,
        "stable_words_changed_by_the_answer": changed,
    }


def draw(report: dict[str, Any], out: Path) -> None:
    """The distribution of the three instants against the budget."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for key, label in (("t1_t0_ms", "t1 endpoint decision"), ("t3_t0_ms", "t3 results")):
        values = sorted(
            f[key] for f in report["files"] if f[key] is not None and not f["t0_doubtful"]
        )
        axes.step(values, np.arange(1, len(values) + 1) / len(values) * 100, label=label)
    axes.axvline(500, color="crimson", linestyle="--", label="budget 500 ms")
    axes.set(
        xlabel="ms after the acoustic end of speech (t0)", ylabel="% of files", ylim=(0, 101),
        title=f"n = {report['n']}, {report['streams']} stream(s), real time",
    )  # fmt: skip
    axes.set_xlim(0, 1000)
    axes.legend(loc="upper left")
    figure.savefig(out, dpi=120)


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Play everything and report."""
    settings, done = load_settings(), list[Played]()
    options = ["--index", str(arguments.index.absolute())] if arguments.index else []
    for name in ("model", "decoder", "search", "second_pass"):
        value = getattr(arguments, name)
        options += [f"--{name.replace('_', '-')}", value] if value else []
    async with private_server(options) as server:
        cpu_before_s, own_before_s = server_cost(server.pid)[0], own_cpu_s()
        began_s = time.perf_counter()
        rows = read_rows(arguments.table, arguments.limit, arguments.longest)
        waiting = iter(rows)
        await asyncio.gather(
            *(stream(waiting, server.url, settings, done) for _ in range(arguments.streams))
        )
        wall_s = time.perf_counter() - began_s
        cpu_s, peak_rss_mb = server_cost(server.pid)
        speculation = await asyncio.to_thread(speculations, server.url)
        cost = {
            "server_cpu_s": cpu_s - cpu_before_s,
            "client_cpu_s": own_cpu_s() - own_before_s,
            "peak_rss_mb": peak_rss_mb,
        }
    order = {row["file"]: place for place, row in enumerate(rows)}
    done.sort(key=lambda played: order[played.row["file"]])
    report = summary(done, arguments.streams, wall_s, cost, speculation)
    return {**report, "words": words.words(done, whisper=arguments.whisper)}


def show(report: dict[str, Any]) -> None:
    """The figures, for a person."""
    print(f"\rn {report['n']}, streams {report['streams']}, errors {report['errors']}, ", end="")
    print(f"doubtful t0 {report['t0_doubtful']}")
    for name in ("t1_t0_ms", "t2_t0_ms", "t3_t0_ms", "t3_t1_ms"):
        print(name, "  ".join(f"{p} {ms}" for p, ms in report[name].items()))
    print("early_cutoff_rate", report["early_cutoff_rate"], end="  ")
    print("unrepaired_rate", report["unrepaired_rate"])
    print("speculation", "  ".join(f"{k} {round(v, 4)}" for k, v in report["speculation"].items()))
    shares = report["stage_share"]
    print(
        "stages",
        "  ".join(f"{s} {ms} ms ({shares[s]:.0%})" for s, ms in report["stage_ms"].items()),
    )
    print("partials", "  ".join(f"{k} {v}" for k, v in report["partials"].items()))
    print("hidden", "  ".join(f"{s} {ms} ms" for s, ms in report["hidden_ms"].items()))
    for name in ("queries_per_s", "cpu_s_per_audio_s", "server_cpu_s_per_audio_s", "peak_rss_mb"):
        print(name, report[name])
    words.show(report["words"])


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    fixtures = ROOT / "audio_fixtures" / "manifest.tsv"
    parser.add_argument("--table", type=Path, default=fixtures, help="TSV with path and t0")
    parser.add_argument("--index", type=Path, help="index to search; the demo books if not given")
    parser.add_argument("--model", help="acoustic model")
    parser.add_argument("--decoder", choices=list(Decoder), help="what turns sound into words")
    parser.add_argument("--search", choices=list(SearchMode), help="by words and sound, or words")
    parser.add_argument("--second-pass", metavar="off|NAME", help="the ear that hears again")
    parser.add_argument("--whisper", action="store_true", help="faster-whisper's words beside ours")
    parser.add_argument("--limit", type=int, help="only the first N files")
    parser.add_argument("--longest", type=float, metavar="S", help="only files up to so long")
    parser.add_argument("--streams", type=int, default=1, help="speakers at once")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="draw the distribution")
    arguments = parser.parse_args()
    try:
        report = asyncio.run(measure(arguments))
    except SpeechsearchError as error:
        parser.exit(1, f"error: {error}\n")
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    if arguments.picture:
        draw(report, arguments.picture)


if __name__ == "__main__":
    main()
