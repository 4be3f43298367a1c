"""One system in a process of its own: a row of the table comes in as JSON, its result goes out.

    .venv-peers/bin/python scripts/bench/peers_worker.py pocketsphinx [INDEX]

The first line out says that it is ready. Whatever the system prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from peers_systems import System, started
from played import Played, file_object

from speechsearch.errors import SpeechsearchError


async def result(system: System, row: dict[str, str]) -> dict[str, Any]:
    """Play one file: its line in the report, with what it cost."""
    before_s, _ = system.cost()
    try:
        played = await system.play(row)
    except SpeechsearchError as error:
        played = Played(row, error=str(error))
    after_s, peak_mb = system.cost()
    return {
        **file_object(played),
        "audio_s": round(played.length_s, 2),
        "cpu_s": round(after_s - before_s, 3),
        "peak_rss_mb": round(peak_mb, 1),
    }


async def serve(name: str, index: Path | None, replies: TextIO) -> None:
    """Answer rows until there are no more."""
    async with started(name, index) as system:
        ready = {"set_up": system.set_up, "bare_rss_mb": system.bare_mb}
        print(json.dumps(ready), file=replies, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await result(system, json.loads(line))), file=replies, flush=True)


def main() -> None:
    """Keep standard output for the results."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    index = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    asyncio.run(serve(sys.argv[1], index, replies))


if __name__ == "__main__":
    main()
