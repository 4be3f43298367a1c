"""What is measured of live traffic: every series, where on the path it lies, what is usual.

One table drives the Prometheus metrics, the history, the alarms, the generated rules and the
dashboard, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PATH = ("capture", "vad", "wire", "asr", "search", "outcome")
"""Stages in the order of the path"""
Kind = Literal["software", "input", "output"]
Statistic = Literal["mean", "p95", "share", "total"]
BUCKETS_S = (
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 2.5,
)  # fmt: skip
"""A boundary at every target: 30 ms after the endpoint, 100 ms of search, the 500 ms budget,
700 ms for large models, and finer steps between."""


FLOOR_DB = 100.0
"""Added to levels in Prometheus"""


@dataclass(frozen=True, slots=True)
class Series:
    """One number of each utterance (or of each minute), and how it is summed up."""

    name: str
    stage: str
    kind: Kind
    words: str
    unit: str
    statistic: Statistic
    low: float | None = None
    """Below it is unusual; a frozen reference knows better"""
    high: float | None = None

    @property
    def exported(self) -> str:
        """Its name in Prometheus, in base units."""
        base = self.name.removesuffix("_ms") + "_seconds" if self.in_ms else self.name
        if base.endswith("_mb"):
            base = base.removesuffix("_mb") + "_bytes"
        if self.unit == "dBFS":
            base += f"_plus_{FLOOR_DB:.0f}"
        return f"speechsearch_live_{base}"

    @property
    def in_ms(self) -> bool:
        """Whether it is a time in milliseconds."""
        return self.name.endswith("_ms")

    def based(self, value: float) -> float:
        """A value in Prometheus' base units, never below 0: a sum that falls looks like a reset."""
        if self.unit == "dBFS":
            value += FLOOR_DB
        scale = 1e-3 if self.in_ms else 1e6 if self.name.endswith("_mb") else 1.0
        return max(0.0, value * scale)


def _times(stage: str, names: Mapping[str, tuple[str, float]]) -> tuple[Series, ...]:
    return tuple(
        Series(name, stage, "software", words, "ms", "p95", high=high)
        for name, (words, high) in names.items()
    )


SERIES: tuple[Series, ...] = (
    Series("overruns", "capture", "software", "overruns", "", "total", high=0.0),
    Series("device_changes", "capture", "software", "device changes", "", "total"),
    Series("level_dbfs", "capture", "input", "level", "dBFS", "mean", -45.0, -10.0),
    Series("snr_db", "capture", "input", "signal-to-noise ratio", "dB", "mean", low=10.0),
    Series("clipping_share", "capture", "input", "clipped samples", "%", "mean", high=0.01),
    Series("dc_share", "capture", "input", "DC offset", "%", "mean", high=0.1),
    *_times("vad", {"endpoint_ms": ("endpoint after end of speech", 420.0)}),
    Series("vad_cpu_share", "vad", "software", "CPU of the detector", "%", "mean", high=0.02),
    Series("sent_share", "vad", "software", "sound sent of captured", "%", "mean"),
    Series("speech_share", "vad", "input", "speech share", "%", "mean", 0.3, 0.9),
    Series("duration_s", "vad", "input", "duration", "s", "mean", 0.8, 8.0),
    Series("pauses", "vad", "input", "pauses in an utterance", "", "mean", high=2.0),
    Series("early_cut", "vad", "output", "early cuts repaired", "%", "share", high=0.1),
    *_times("wire", {"network_ms": ("network, there and back", 60.0)}),
    Series("reconnects", "wire", "software", "reconnects", "", "total", high=0.0),
    Series("bad_audio", "wire", "input", "missing or corrupt sound", "%", "share", high=0.02),
    Series("failed", "wire", "software", "requests refused or failed", "%", "share", high=0.02),
    *_times(
        "asr",
        {
            "wait_ms": ("wait after the endpoint", 120.0),
            "queue_ms": ("wait for the model", 50.0),
            "decode_ms": ("acoustic model", 120.0),
            "hypothesis_ms": ("reading the text", 50.0),
        },
    ),
    Series("rtf", "asr", "software", "decoding time over sound", "", "mean", high=0.1),
    Series("cpu_share", "asr", "software", "CPU of the server", "%", "mean", high=0.9),
    Series("memory_mb", "asr", "software", "memory of the server", "MB", "mean", high=1500.0),
    Series("queued", "asr", "software", "waiting for the model", "", "mean", high=4.0),
    Series("model_level_dbfs", "asr", "input", "level at the model", "dBFS", "mean"),
    Series("model_gain_db", "asr", "input", "gain before the model", "dB", "mean"),
    Series("model_dc_share", "asr", "input", "DC taken away before the model", "%", "mean"),
    Series("speaking_rate_hz", "asr", "input", "speaking rate", "letters/s", "mean", 5.0, 22.0),
    Series("confidence", "asr", "output", "confidence of the letters", "%", "mean", low=0.55),
    Series("blank_share", "asr", "output", "blank frames", "%", "mean", 0.3, 0.9),
    Series("null_transcript", "asr", "output", "empty transcripts", "%", "share", high=0.1),
    Series("unknown_words_share", "asr", "output", "words out of the catalogue", "%", "mean"),
    *_times("search", {"search_ms": ("search", 100.0)}),
    Series("query_words", "search", "input", "words in a query", "", "mean", 1.0, 12.0),
    Series("answer_confidence", "search", "output", "confidence of the answer", "%", "mean", 0.3),
    Series("zero_results", "search", "output", "answers without hits", "%", "share", high=0.2),
    Series("score_gap", "search", "output", "gap of the first two hits", "", "mean"),
    Series("rank_clicked", "search", "output", "rank that was opened", "", "mean", 1.0, 3.0),
    *_times("outcome", {"all_ms": ("end of speech to results", 500.0)}),
    Series("slow", "outcome", "software", "answers over the budget", "%", "share", high=0.05),
    Series("redo", "outcome", "output", "said again", "%", "share", high=0.2),
    Series("typed", "outcome", "output", "typed instead", "%", "share", high=0.15),
    Series("clicked", "outcome", "output", "click-through", "%", "share"),
    Series("abandoned", "outcome", "output", "left without an act", "%", "share"),
)
BY_NAME: Mapping[str, Series] = {one.name: one for one in SERIES}
BUDGET = ("endpoint_ms", "network_ms", "wait_ms")
"""What the time from t0 to t3 is made of"""
