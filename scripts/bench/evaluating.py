"""What benchmarks of hearing and finding share: the data, and a run over a catalogue."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from speechsearch.cli_shared import Asked
from speechsearch.client.evaluation import evaluate
from speechsearch.learning.conditions import Change, Condition, ConditionOptions
from speechsearch.learning.evaluate import Evaluation
from speechsearch.learning.table import Recording, read_table
from speechsearch.search.embedded import build_index
from speechsearch.types import Entry

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
AS_IT_IS = Condition(ConditionOptions())
AS_SET_UP = Asked()


def hear(
    recordings: Sequence[Recording],
    titles: Sequence[str] = (),
    *,
    asked: Asked = AS_SET_UP,
    change: Change = AS_IT_IS,
) -> Evaluation:
    """Everything through client, VAD, socket and server; each title is its entry's id too.

    The catalogue is the demo books where there are no titles.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = f"{folder}/index" if titles else ""
        if titles:
            build_index([Entry(title, title) for title in titles], Path(index))
        setup = replace(asked, index=index).setup()
        heard = evaluate(recordings, setup, change, progress=_progress(len(recordings)))
        return asyncio.run(heard)


def spoken_sentences() -> tuple[list[Recording], list[str]]:
    """The recordings of ``phrases.tsv``, and all distinct sentences of their corpus."""
    phrases = read_table(DATA / "phrases.tsv")
    others = [row for row in read_table(DATA / "train.tsv") if "speechocean" in row.name]
    return phrases, sorted({row.transcript for row in [*phrases, *others]})


def _progress(count: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        print(f"\r{done}/{count}", end="\n" if done == count else "", file=sys.stderr, flush=True)

    return show
