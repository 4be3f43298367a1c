"""An evaluation's report on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from speechsearch.learning.evaluate import mistakes

MEASURES = {
    "recall_at_1": "right entry on top",
    "recall_at_5": "among the first five",
    "mrr_at_10": "mean reciprocal rank",
    "wer": "word error rate",
    "cer": "character error rate",
    "sentence_accuracy": "sentences without error",
    "lost_by_hearing": "lost by hearing",
    "with_text": "recordings with text",
    "with_hits": "recordings with hits",
}
SLICE_MEASURES = {
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "mrr_at_10": "MRR",
    "wer": "WER",
    "cer": "CER",
    "sentence_accuracy": "sent.",
    "with_text": "text",
}
NARROW = {"recall_at_1", "mrr_at_10", "wer", "cer", "with_text"}
"""What 80 columns have room for"""
WITH_INTERVAL = {"recall_at_1", "wer"}
SHOWN_VALUES = 8
SHOWN_MISTAKES = 10


def render(report: Mapping[str, Any]) -> RenderableType:
    """Figures of all, the worst slices, each column's slices, and the worst mistakes."""
    return Group(*_parts(report))


def headline(report: Mapping[str, Any]) -> str:
    """What was evaluated, in a line or two."""
    said = f"{report['n']} recordings, {report['speakers']} speakers"
    said += f", {report['entries']} entries ({report['index']})\n{report['model']}"
    said += f", decoder {report['decoder']}, search {report['search']}"
    said += f", second pass {report['second_pass']}"
    if report["snr_db"] is not None:
        said += f"\nin noise ({report['noise']}) at {report['snr_db']:g} dB"
    if report["rir"]:
        said += f"\nin a room ({report['rir']})"
    if report["failed"]:
        said += f"\n{len(report['failed'])} recordings could not be read and are left out"
    if report["unknown_items"]:
        said += f"\n{len(report['unknown_items'])} rows name an item that the catalogue has not"
    return said


def _parts(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text(headline(report))
    yield _overall(report)
    if report["latency_ms"]:
        yield _latencies(report["latency_ms"])
    if report["worst_slices"]:
        named = {f"{one['column']} {one['value']}": one for one in report["worst_slices"]}
        yield _slices("worst slices", named)
    for column, parts in report["slices"].items():
        yield _slices(f"by {column}", parts)
    if wrong := mistakes(report):
        yield from _mistakes(wrong)


def measures_of(parts: Iterable[Mapping[str, Any]]) -> list[str]:
    """The measures that tell something of these slices."""
    parts = list(parts)
    unwritten = any(part["n_transcripts"] < part["n"] for part in parts)
    return [
        name
        for name in SLICE_MEASURES
        if any(part[name] is not None for part in parts) and (name != "with_text" or unwritten)
    ]


def _overall(report: Mapping[str, Any]) -> Table:
    table = _table("all", "", "spoken", "95 %", "typed")
    for name, meaning in MEASURES.items():
        if report[name] is not None:
            typed = report.get(f"typed_{name}")
            table.add_row(meaning, figure(report[name]), interval(report, name), figure(typed))
    return table


def _latencies(stages: Mapping[str, Mapping[str, float]]) -> Table:
    table = _table("latency", "stage, ms", "p50", "p95", "p99")
    for stage, ms in stages.items():
        table.add_row(stage, *(f"{ms[p]:.0f}" for p in ("p50", "p95", "p99")))
    return table


def _slices(title: str, parts: Mapping[str, Mapping[str, Any]]) -> Table:
    measures = [name for name in measures_of(parts.values()) if name in NARROW]
    table = _table(title, "", "n")
    for name in measures:
        table.add_column(SLICE_MEASURES[name], no_wrap=True)
        if name in WITH_INTERVAL:
            table.add_column("95 %", no_wrap=True)
    for value, part in [*parts.items()][:SHOWN_VALUES]:
        cells = [
            cell
            for name in measures
            for cell in (figure(part[name]), interval(part, name))[: 1 + (name in WITH_INTERVAL)]
        ]
        table.add_row(Text(value), str(part["n"]), *cells)
    if len(parts) > SHOWN_VALUES:
        table.add_row(f"... {len(parts) - SHOWN_VALUES} better ones")
    return table


def _table(title: str, *heads: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left")
    for head in heads:
        table.add_column(head, no_wrap=True)
    return table


def _mistakes(wrong: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    below = sum(one["rank"] not in {None, 1} for one in wrong)
    said = f"{below} recordings without the right entry on top, " if below else ""
    yield Text(f"{said}{len(wrong) - below} misheard; the worst:")
    for one in wrong[:SHOWN_MISTAKES]:
        place = {None: "", 0: "not found"}.get(one["rank"], f"rank {one['rank']}")
        text = one["error"] or f"“{one['text']}” for “{one['transcript']}”"
        yield Text(f"  {one['path']}  {text}  {place}")


def figure(value: float | None) -> str:
    """A share or rate; empty where there is none."""
    return "" if value is None else f"{value:.3f}"


def interval(part: Mapping[str, Any], name: str) -> str:
    """Where a measure lies in 95 % of the resamples; empty where that is not known."""
    low_high = part.get(f"{name}_95")
    return f"{low_high[0]:.2f}-{low_high[1]:.2f}" if low_high else ""
