"""What monitoring costs: the same speakers against a server with it, and against one without.

Both servers run at once on the same core (taskset), a speaker of the one beside a speaker of the
other, so that whatever else the machine does slows both alike; then they change places, so that
who came first counts for nothing. Speakers, client and files are those of scripts/bench_capacity.
CPU is that of the server's process over the answers it gave. Rounds are too short for a reference
to be frozen; what drift costs besides is measured of the observer's thread alone, in this process.

    scripts/bench_monitoring --speakers 10 --seconds 120 --json monitoring.json
    scripts/bench_monitoring --rounds 0
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from capacity import ROOT, SERVER_CORE, STAGGER_S, Outcome, Recording, prepare, speak
from latency import percentiles, server_cost
from monitoring_alone import alone

from speechsearch.client.private import private_server

SWITCH = "SPEECHSEARCH_MONITORING__ENABLED"


async def side_by_side(
    order: Sequence[bool], speakers: int, seconds: float, recordings: Sequence[Recording]
) -> dict[bool, dict[str, Any]]:
    """One round: both servers, begun in this order, with so many speakers each."""
    os.sched_setaffinity(0, {SERVER_CORE})
    async with AsyncExitStack() as stack:
        servers = {}
        for watched in order:
            os.environ[SWITCH] = str(watched).lower()
            servers[watched] = await stack.enter_async_context(private_server(()))
        os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {SERVER_CORE} or {SERVER_CORE})
        before_s = {watched: server_cost(one.pid)[0] for watched, one in servers.items()}
        outcomes = {watched: [Outcome() for _ in range(speakers)] for watched in order}
        rng, until_s = random.Random(0), time.perf_counter() + seconds
        rounds = 1 + round(seconds / (len(recordings) * 8))
        async with asyncio.TaskGroup() as group:
            for n in range(speakers):
                files = rng.sample(recordings, len(recordings)) * rounds
                for watched in order:
                    spoken = speak(files, servers[watched].url, until_s, outcomes[watched][n])
                    group.create_task(spoken)
                await asyncio.sleep(STAGGER_S / speakers)
        return {
            watched: {
                "waits_ms": [ms for one in outcomes[watched] for _, ms in one.waits_ms],
                "errors": sum(one.errors + one.refused for one in outcomes[watched]),
                "cpu_s": server_cost(servers[watched].pid)[0] - before_s[watched],
            }
            for watched in order
        }


def summed(rounds: Sequence[dict[bool, dict[str, Any]]], watched: bool) -> dict[str, Any]:
    """What came of one server over all rounds."""
    waits_ms = [ms for one in rounds for ms in one[watched]["waits_ms"]]
    cpu_s = sum(one[watched]["cpu_s"] for one in rounds)
    return {
        "n": len(waits_ms),
        "errors": sum(one[watched]["errors"] for one in rounds),
        "t3_t0_ms": percentiles(waits_ms),
        "cpu_s": round(cpu_s, 2),
        "cpu_ms_an_answer": round(1000 * cpu_s / max(1, len(waits_ms)), 1),
        "p95_of_each_round": [percentiles(one[watched]["waits_ms"])["p95"] for one in rounds],
    }


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = ROOT.parent / "shared" / "data" / "commands.tsv"
    parser.add_argument("--table", type=Path, default=commands, help="TSV with path and t0")
    parser.add_argument("--speakers", type=int, default=8, help="at each server")
    parser.add_argument("--seconds", type=float, default=120, help="of a round")
    parser.add_argument("--rounds", type=int, default=2, help="the order changes with each")
    parser.add_argument("--files", type=int, default=40, help="how many files speakers choose from")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    asked = parser.parse_args()
    recordings = prepare(asked.table, asked.files)
    rounds = []
    for n in range(asked.rounds):
        order = (True, False) if n % 2 == 0 else (False, True)
        work = side_by_side(order, asked.speakers, asked.seconds, recordings)
        rounds.append(asyncio.run(work))
    found: dict[str, Any] = {"thread": alone([one.samples for one in recordings])}
    if rounds:
        found |= {"on": summed(rounds, True), "off": summed(rounds, False)}
        found["cpu_more"] = round(found["on"]["cpu_s"] / found["off"]["cpu_s"] - 1, 4)
    print(json.dumps(found, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
