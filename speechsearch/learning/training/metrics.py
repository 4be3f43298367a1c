"""``metrics.jsonl``: one line for each step and each evaluation, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speechsearch.durable import replace_file

METRICS_FILE = "metrics.jsonl"


class Metrics:
    """Appends lines; a line is on its way to the disk when ``write`` returns."""

    def __init__(self, folder: Path, steps_done: int) -> None:
        """Forget what a killed training wrote after its last state: it will be done again."""
        self._path = folder / METRICS_FILE
        kept = [row for row in read_metrics(self._path) if row["step"] <= steps_done]
        replace_file(self._path, "".join(map(_line, kept)).encode())
        self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a line; it has a ``step``."""
        self._file.write(_line(row))

    def close(self) -> None:
        """No more lines."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines; none where there is no file."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # the line that was being written when the process was killed
    return rows


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + "\n"
