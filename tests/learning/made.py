"""Outcomes made up for tests."""

from pathlib import Path

from speechsearch.asr.wer import count_errors
from speechsearch.learning.heard import Heard
from speechsearch.learning.measures import Outcome
from speechsearch.learning.table import Recording
from speechsearch.types import Hit

STAGES_MS = {"endpoint": 500.0, "decode": 20.0, "end_of_speech_to_results": 530.0}


def recording(name="a.wav", transcript="the red house", item="", **columns):
    return Recording(Path("/table") / name, name, transcript, item, {"path": name, **columns})


def outcome(heard="the red house", rank=1, typed_rank=1, seconds=2.0, said="the red house", **more):
    row = recording(more.pop("name", "a.wav"), said, **more)
    hits = tuple(Hit(str(n), f"title {n}", 1 / n, "sound") for n in range(1, 4))
    return Outcome(
        recording=row,
        seconds=seconds,
        heard=Heard(heard, hits, (STAGES_MS,), "model@1"),
        errors=count_errors(said, heard) if said else None,
        right=frozenset({str(rank)}) if rank else frozenset(),
        rank=rank,
        typed_rank=typed_rank,
    )
