"""Words of a real-time run: the first answers', the last ones', and faster-whisper's on the files.

By the length of the recordings; ``whisper`` is the library as it comes (tiny.en, int8, beam 5, its
defaults), which hears each file as a whole after the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from played import Played

from speechsearch.asr.wer import Errors, count_errors
from speechsearch.asr.whisper import weights_folder
from speechsearch.audio.player import read_audio
from speechsearch.config import cache_dir
from speechsearch.learning.table import TRANSCRIPT_COLUMNS

LENGTHS_S = (3.0, 6.0, float("inf"))
OWN = "ctc"


def words(done: Sequence[Played], *, whisper: bool) -> dict[str, Any]:
    """Figures for all files, then by length; word error rates where the table has transcripts."""
    texts = whisper_texts(done) if whisper else {}
    groups = {"all": list(done)}
    shortest_s = 0.0
    for longest_s in LENGTHS_S:
        some = [p for p in done if shortest_s <= float(p.row.get("seconds") or 0) < longest_s]
        groups[f"{shortest_s:.0f}-{longest_s:.0f} s"] = some
        shortest_s = longest_s
    return {name: figures(some, texts) for name, some in groups.items() if some}


def figures(done: Sequence[Played], whisper: dict[str, str]) -> dict[str, Any]:
    """Of some files."""
    outcomes: Counter[str] = Counter()
    for played in done:
        for first, last in zip(played.first_finals, played.finals, strict=True):
            outcomes["answers"] += 1
            outcomes["second_ear_first"] += first.message.ear != OWN
            outcomes["revised"] += last.revised_s is not None
            outcomes["first_ear_stands"] += last.message.ear == OWN
            outcomes["top_hit_changed"] += first.message.hits[:1] != last.message.hits[:1]
    trusted = [p for p in done if p.trusted]
    first_ms = [p.after_t0_ms(p.covering.t3_s) for p in trusted if p.covering]
    revised_ms = [p.revised_after_ms for p in trusted if p.revised_after_ms is not None]
    found = {
        "files": len(done), **{name: outcomes[name] for name in sorted(outcomes)},
        "t3_t0_ms": percentiles(first_ms), "revised_after_ms": percentiles(revised_ms),
        "first_wer": wer(done, lambda p: " ".join(a.message.text for a in p.first_finals)),
        "last_wer": wer(done, lambda p: " ".join(a.message.text for a in p.finals)),
    }  # fmt: skip
    if whisper:
        found["whisper_wer"] = wer(done, lambda p: whisper[p.row["file"]])
    return found


def wer(done: Sequence[Played], text_of: Callable[[Played], str]) -> float | None:
    """Word errors a word; None where the table has no transcripts."""
    errors = Errors()
    for played in done:
        said = next((played.row[c] for c in TRANSCRIPT_COLUMNS if played.row.get(c)), "")
        errors += count_errors(said, text_of(played))
    return round(errors.wer, 4) if errors.words else None


def whisper_texts(done: Sequence[Played]) -> dict[str, str]:
    """What faster-whisper hears in each file."""
    from faster_whisper import WhisperModel

    folder = str(weights_folder("tiny.en", cache_dir()))
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=2)
    texts = {}
    for played in done:
        sound = read_audio(Path(played.row["file"]))
        segments, _ = model.transcribe(sound, language="en", beam_size=5)
        texts[played.row["file"]] = " ".join(segment.text.strip() for segment in segments)
    return texts


def percentiles(values_ms: Sequence[float]) -> dict[str, float | None]:
    """p50, p95, p99; None where there is nothing."""
    if not values_ms:
        return {"p50": None, "p95": None, "p99": None}
    return {f"p{p}": round(float(np.percentile(values_ms, p)), 1) for p in (50, 95, 99)}


def show(report: dict[str, Any]) -> None:
    """A line for each length."""
    for name, part in report.items():
        counts = "  ".join(f"{k} {v}" for k, v in part.items() if isinstance(v, int))
        rates = "  ".join(f"{k} {v}" for k, v in part.items() if k.endswith("wer"))
        first, last = part["t3_t0_ms"], part["revised_after_ms"]
        print(f"{name:6} {counts}  {rates}  t3_t0 {first}  revised {last}")
