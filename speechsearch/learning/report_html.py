"""An evaluation's report as one HTML page, with the mistakes to listen to.

The page needs no other file while the sounds fit into it; those beyond the cap are linked.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

import jiwer
import soundfile

from speechsearch.asr.wer import normalise
from speechsearch.learning.evaluate import mistakes
from speechsearch.learning.report_text import (
    MEASURES,
    SLICE_MEASURES,
    figure,
    headline,
    interval,
    measures_of,
)
from speechsearch.types import SAMPLE_RATE_HZ, Audio

MOST_MISTAKES = 300
MOST_SOUND_BYTES = 12_000_000
"""Of all sounds in the page; base64 makes a third more of it"""
SHOWN_HITS = 3

SoundOf = Callable[[str], tuple[Audio, str]]
"""By its name in the table: a recording as it was heard, and a link to it, or nothing"""

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 2rem }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #8886 } td.n { font-variant-numeric: tabular-nums }
small { opacity: .7 } del { color: #c33 } ins { color: #283; text-decoration: none }
@media (prefers-color-scheme: dark) { del { color: #f77 } ins { color: #7d7 } }
b.right { color: #283 } audio { height: 2rem; width: 15rem } tr { border-bottom: 1px solid #8882 }
"""


def page(report: Mapping[str, Any], sound_of: SoundOf) -> str:
    """The whole page."""
    title = f"{escape(str(report['table']))}: evaluation"
    body = "".join(_body(report, sound_of))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{body}</html>\n"
    )


def difference(said: str, heard: str) -> str:
    """HTML of both, normalised: words that were missed ``del``, words that were put in ``ins``."""
    aligned = jiwer.process_words(normalise(said), normalise(heard))
    [reference], [hypothesis] = aligned.references, aligned.hypotheses
    parts: list[str] = []
    for chunk in aligned.alignments[0]:
        missed = escape(" ".join(reference[chunk.ref_start_idx : chunk.ref_end_idx]))
        put_in = escape(" ".join(hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]))
        if chunk.type == "equal":
            parts.append(missed)
            continue
        parts.append(f"<del>{missed}</del>" if missed else "")
        parts.append(f"<ins>{put_in}</ins>" if put_in else "")
    return " ".join(part for part in parts if part)


def _body(report: Mapping[str, Any], sound_of: SoundOf) -> Iterator[str]:
    yield f"<p>{escape(headline(report)).replace(chr(10), '<br>')}</p>"
    yield _table(["", "spoken", "95 %", "typed"], _overall(report))
    stages = report["latency_ms"]
    yield "<h2>Latency</h2>" + _table(
        ["stage, ms", "p50", "p95", "p99"],
        ([stage, *(f"{ms:.0f}" for ms in times.values())] for stage, times in stages.items()),
    )
    worst = {f"{one['column']} {one['value']}": one for one in report["worst_slices"]}
    for title, parts in {"Worst slices": worst, **report["slices"]}.items():
        yield f"<h2>{escape(title)}</h2>" + _slices(parts)
    wrong = mistakes(report)
    yield f"<h2>{len(wrong)} recordings that went wrong</h2>"
    if len(wrong) > MOST_MISTAKES:
        yield f"<p>The worst {MOST_MISTAKES} are shown.</p>"
    yield "<table><tr><th>sound<th>said, and what was heard<th>found<th>rank"
    room = MOST_SOUND_BYTES
    for one in wrong[:MOST_MISTAKES]:
        sound, used = _sound(*sound_of(one["path"]), room)
        room -= used
        yield _mistake(one, sound)
    yield "</table>"


def _overall(report: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, meaning in MEASURES.items():
        if report[name] is not None:
            typed = figure(report.get(f"typed_{name}"))
            yield [meaning, figure(report[name]), interval(report, name), typed]


def _slices(parts: Mapping[str, Mapping[str, Any]]) -> str:
    measures = measures_of(parts.values())
    rows = (
        [
            escape(value),
            str(part["n"]),
            *(f"{figure(part[m])} <small>{interval(part, m)}</small>" for m in measures),
        ]
        for value, part in parts.items()
    )
    return _table(["", "n", *(SLICE_MEASURES[name] for name in measures)], rows)


def _mistake(one: Mapping[str, Any], sound: str) -> str:
    hits = "<br>".join(
        f"<b class=right>{escape(hit['title'])}</b>" if hit["id"] in one["right"]
        else escape(hit["title"])
        for hit in one["hits"][:SHOWN_HITS]
    )  # fmt: skip
    rank = {None: "", 0: "not found"}.get(one["rank"], str(one["rank"]))
    if one["typed_rank"] is not None:
        rank += f"<br><small>typed: {one['typed_rank'] or 'not found'}</small>"
    text = difference(one["transcript"], one["text"]) if one["transcript"] else escape(one["text"])
    problem = f"<br>{escape(one['error'])}" if one["error"] else ""
    return (
        f"<tr><td>{sound}<br><small>{escape(one['path'])}</small>"
        f"<td>{text}{problem}<td>{hits or '<small>nothing</small>'}<td>{rank}"
    )


def _sound(sound: Audio, link: str, room: int) -> tuple[str, int]:
    """An element that plays it, and the bytes it took of the room there is."""
    file = io.BytesIO()
    soundfile.write(file, sound, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    encoded = file.getvalue()
    if len(encoded) > room and link:
        return f'<audio controls preload=none src="{escape(link)}"></audio>', 0
    if len(encoded) > room:
        return "<small>its sound did not fit into the page</small>", 0
    data = base64.b64encode(encoded).decode()
    return f'<audio controls src="data:audio/flac;base64,{data}"></audio>', len(encoded)


def _table(heads: list[str], rows: Iterator[list[str]]) -> str:
    lines = "".join("<tr>" + "".join(f"<td class=n>{cell}" for cell in row) for row in rows)
    return f"<table><tr>{''.join(f'<th>{head}' for head in heads)}{lines}</table>"
