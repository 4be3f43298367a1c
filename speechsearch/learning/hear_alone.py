"""How well a model alone hears tables, group by group, also in noise and in rooms.

No detector, no language model, no catalogue: the best letter of each frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechsearch.asr.ctc import greedy
from speechsearch.asr.model import AcousticModel
from speechsearch.asr.wer import count_errors
from speechsearch.audio.player import read_audio
from speechsearch.learning.card import Group
from speechsearch.learning.conditions import Change, Condition, ConditionOptions
from speechsearch.learning.heard import Heard
from speechsearch.learning.measures import Bootstrap, Outcome, figures
from speechsearch.learning.slices import sliced
from speechsearch.learning.table import Recording, draw
from speechsearch.types import SAMPLE_RATE_HZ, samples_to_ms

GROUP_COLUMNS = ("group", "age", "gender")
"""Looked at where a table has them"""
AS_RECORDED = "all"
NOISY_DB = 10.0
TIMED = 40
"""Recordings on which the speed is measured"""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Table:
    """Recordings with transcripts."""

    name: str
    rows: Sequence[Recording]


def conditions(noise: str, rooms: str, seed: int = 0) -> dict[str, Change]:
    """Name -> what is done to every recording; no rooms where none are given."""
    made = {
        f"with noise at {NOISY_DB:g} dB": ConditionOptions(snr_db=NOISY_DB, noise=noise, seed=seed)
    }
    if rooms:
        made["in a room"] = ConditionOptions(rir=rooms, seed=seed)
    return {name: Condition(options) for name, options in made.items()}


def measure(
    model: AcousticModel,
    tables: Sequence[Table],
    changes: dict[str, Change],
    bootstrap: Bootstrap,
    progress: Progress,
) -> list[Group]:
    """All of each table, its groups, and all of it under each change."""
    groups: list[Group] = []
    done = 0
    as_it_is = Condition(ConditionOptions())
    for table in tables:
        for name, change in {AS_RECORDED: as_it_is, **changes}.items():
            outcomes = []
            for outcome in hear_alone(model, table.rows, change):
                outcomes.append(outcome)
                done += 1
                progress(done)
            groups.append(Group(table.name, name, figures(outcomes, bootstrap)))
            if name == AS_RECORDED:
                groups += _groups(table.name, outcomes, bootstrap)
    return groups


def hear_alone(
    model: AcousticModel, rows: Sequence[Recording], change: Change
) -> Iterator[Outcome]:
    """What comes of each; AudioFileError for one that cannot be read."""
    for row in rows:
        samples = change.apply(read_audio(row.path), row.name)
        heard = greedy(model.log_probs(samples), model.info.vocabulary, model.info.timing)
        yield Outcome(
            recording=row,
            seconds=len(samples) / SAMPLE_RATE_HZ,
            heard=Heard(heard.text, model=model.info.label),
            errors=count_errors(row.transcript, heard.text),
        )


def speed_ms(model: AcousticModel, tables: Sequence[Table]) -> float:
    """Median milliseconds for a second of sound."""
    rows = draw([row for table in tables for row in table.rows], TIMED, seed=0)
    model.warm_up()
    return float(np.median([_decode_ms(model, row.path) for row in rows]))


def _decode_ms(model: AcousticModel, path: Path) -> float:
    samples = read_audio(path)
    start_s = time.perf_counter()
    model.log_probs(samples)
    return (time.perf_counter() - start_s) * 1e6 / samples_to_ms(len(samples))


def _groups(table: str, outcomes: Sequence[Outcome], bootstrap: Bootstrap) -> list[Group]:
    columns = [name for name in GROUP_COLUMNS if name in outcomes[0].recording.columns]
    if not columns:
        return []
    return [
        Group(table, f"{column} {value}", part)
        for column, parts in sliced(outcomes, columns, bootstrap).items()
        for value, part in sorted(parts.items())
    ]
