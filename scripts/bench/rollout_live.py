"""Rollouts on a real server at real pace, with shortened plans, while people speak.

golden    random weights (shuffled): stopped by the golden utterances, nobody meets it
broken    the same, the golden utterances left out: the shadow has to see it
slow      the champion's weights with 300 ms of idle work behind them: right, and late
subtle    noise on the weights, about 10 % more word errors: paired shadow results have to show it
worse     the same with more noise
twin      hardly any noise, the control: goes all the way, as what is no worse should
better    the champion is the noisy "worse", the challenger the embedded model: goes all the way
switch    blue/green under live streams: before, while it loads and proves itself, after, and back
shadow    mirrored and not, turn about, at half and at full load
page      broken, then twin up to the canary, for a picture of the page (--picture)

People are sessions of two phrases of the corpus; they take the right title where it is offered. The
tests are those of the default plan; shorter are the holds, the fewest sessions, and the margins
below which a change is taken for none (``PLAN``).

    scripts/bench_rollout_live --live slow,subtle --json live.json
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rollout_crowd import (
    Admin,
    Manner,
    Request,
    Served,
    crowd,
    index_of,
    requests,
    serving,
    titles,
    waits,
)
from rollout_models import make
from rollout_picture import picture

from speechsearch.rollout.judge import CANARY_METRICS, SHADOW_METRICS, Metric
from speechsearch.rollout.router import PARTS

FIXTURES = Path(__file__).resolve().parents[2] / "audio_fixtures"
LOOSE = 0.25
"""Margin of every metric in the shortened plan: it decides what passes, not what fails"""
PHRASES = 600
"""Of 55 speakers: of 150 the challenger's own average, which is what is judged, lies up to half its
size beside that of all"""
SCENARIOS = (
    "golden", "broken", "slow", "worse", "subtle", "twin", "better", "switch", "shadow",
)  # fmt: skip
FULL = {"SPEECHSEARCH_SERVER__MAX_LOAD": "1"}
"""Nobody is refused, however slow this machine is just now"""


def _loose(metrics: Sequence[Metric], margin: float = LOOSE) -> list[dict[str, Any]]:
    loose = (msgspec.structs.replace(one, margin=max(margin, one.margin)) for one in metrics)
    return [dict(msgspec.to_builtins(one)) for one in loose]


PLAN: dict[str, Any] = {
    "shadow_share": PARTS,
    "shadow_hold_s": 20,
    "canary_hold_s": 20,
    "warm_s": 600,
    "canary_shares": [PARTS * p // 100 for p in (10, 50, 100)],
    "shadow": {"metrics": _loose(SHADOW_METRICS), "beta": 0.2, "fewest_sessions": 20},
    "canary": {"metrics": _loose(CANARY_METRICS), "beta": 0.2, "fewest_sessions": 10},
}

WORDS = [msgspec.to_builtins(one) for one in SHADOW_METRICS if one.name == "word_errors"]
FEW_STEPS = {**PLAN, "canary_shares": [PARTS * p // 100 for p in (25, 50, 100)]}
PLANS: dict[str, dict[str, Any]] = {
    "subtle": {**PLAN, "shadow": {**PLAN["shadow"], "metrics": WORDS, "alpha": 0.05}},
    "twin": FEW_STEPS,
    "better": FEW_STEPS,
}
"""``subtle`` is asked about its word errors alone, by the default margin and at 5 %: half of the
sessions tell it"""
CALM = ("subtle",)
"""Many people who want no partials, so that the model has time to hear all twice"""


class Bench:
    """What scenarios share: catalogue, people, models."""

    def __init__(self, scratch: Path, asked: argparse.Namespace) -> None:
        self.scratch, self.people = scratch, asked.people
        self.within_s, self.window_s = asked.within, asked.window
        self.everything: list[Request] = requests(PHRASES, seed=0)
        self.index = index_of(titles(), scratch / "index")
        self._models: dict[str, Path] = {}

    def model(self, kind: str) -> Path:
        """Made when it is first asked for."""
        if kind not in self._models:
            self._models[kind] = make(kind, self.scratch / kind)
        return self._models[kind]

    def nothing_golden(self) -> dict[str, str]:
        """The environment in which versions prove themselves on one recording of noise only."""
        table = self.scratch / "noise.tsv"
        table.write_text(f"path\ttext\titem\n{FIXTURES / 'noise-fan.flac'}\t\t\n")
        return {"SPEECHSEARCH_ROLLOUT__GOLDEN": str(table)}

    def serving(self, name: str, *arguments: str, **environment: str) -> Any:
        """A server on the catalogue."""
        folder = self.scratch / f"server-{name}"
        folder.mkdir()
        return serving(folder, "--index", str(self.index), *arguments, **environment)


async def judged(bench: Bench, kind: str, server: Served, champion: str) -> dict[str, Any]:
    """Roll a model out among people until it is out or everybody's; nobody touches it."""
    admin = Admin(server.port)
    changes = {"asr": {"model": "w2v2-starter" if kind == "better" else str(bench.model(kind))}}
    calm = kind in CALM
    people = 2 * bench.people if calm else bench.people
    async with crowd(people, bench.everything, server.url, Manner(partials=not calm)) as tally:
        before_mb = server.resident_mb
        plan = PLANS.get(kind, PLAN)
        status = await admin.post("start", changes=changes, plan=plan)
        began_s, challenger, places, shown_early = time.perf_counter(), status["challenger"], [], 0
        while status["phase"] in ("proving", "shadow", "canary"):
            if status["place"] not in places:
                places.append(status["place"])
                print(f"  {kind}: {status['place']}", flush=True)
            if time.perf_counter() - began_s > bench.within_s:
                break
            await asyncio.sleep(0.5)
            status = await admin.status()
            if status["phase"] in ("proving", "shadow"):
                shown_early = sum(not one.model.startswith(champion) for one in tally.heard)
        took_s, during_mb = time.perf_counter() - began_s, server.resident_mb
    history = await admin.history()
    incident = next((one for one in history["incidents"] if one["version"] == challenger), None)
    return {
        "scenario": kind,
        "people": people,
        "partials": not calm,
        "rolled_back": incident is not None,
        "promoted": status["champion"] == challenger,
        "at": incident["place"] if incident else status["place"],
        "reason": incident["reason"] if incident else "",
        "after_s": round(took_s, 1),
        "places": places,
        "sessions": tally.sessions,
        "seen": incident["seen"] if incident else status["seen"],
        "met": incident["met"] if incident else status["met"],
        "shadow_answers_shown": shown_early,
        "lost": tally.lost,
        "errors": tally.errors,
        "spoken": tally.spoken,
        "judged_sessions": [incident[f"{arm}_sessions"] for arm in ("champion", "challenger")]
        if incident
        else [],
        "compared": incident["compared"] if incident else status["compared"],
        "evidence": incident["evidence"] if incident else status["evidence"],
        "memory_mb": [round(before_mb), round(during_mb)],
    }


async def scenario(bench: Bench, kind: str) -> dict[str, Any]:
    """One of the judged ones."""
    environment = {} if kind in ("golden", "better") else bench.nothing_golden()
    champion = str(bench.model("worse")) if kind == "better" else "w2v2-starter"
    model = "broken" if kind == "golden" else kind
    with bench.serving(kind, "--model", champion, **environment) as server:
        found = await judged(bench, model, server, Path(champion).name)
    return {**found, "scenario": kind}


async def switch(bench: Bench, people: int) -> dict[str, Any]:
    """Blue/green and back, under live streams."""
    marks: dict[str, float] = {}

    def mark(name: str) -> None:
        marks[name] = time.perf_counter()

    with bench.serving("switch", **FULL) as server:
        admin = Admin(server.port)
        async with crowd(people, bench.everything, server.url, Manner(each=4)) as tally:
            await asyncio.sleep(10)
            mark("before")
            await asyncio.sleep(bench.window_s)
            mark("proving")
            one_mb = server.resident_mb
            model = str(bench.model("twin"))
            await admin.post("start", changes={"asr": {"model": model}}, plan={"switch": True})
            status = await admin.until("warm", "idle", within_s=bench.within_s)
            mark("after")
            if status["phase"] != "warm":
                raise RuntimeError(f"it did not prove itself: {await admin.history()}")
            both_mb = server.resident_mb
            await asyncio.sleep(bench.window_s)
            mark("back")
            await admin.post("rollback", why="bench")
            rollback_ms = (time.perf_counter() - marks["back"]) * 1000
            await asyncio.sleep(bench.window_s)
            mark("end")
        names = list(marks)
        spans = {
            name: {
                **waits(tally.between(marks[name], marks[later])),
                "by_twin": sum(
                    one.model.startswith("twin") for one in tally.between(marks[name], marks[later])
                ),
            }
            for name, later in itertools.pairwise(names)
        }
        return {
            "scenario": "switch",
            "streams": people,
            "spoken": tally.spoken,
            "lost": tally.lost,
            "errors": tally.errors,
            "refused": tally.refused,
            "proving_s": round(marks["after"] - marks["proving"], 1),
            "rollback_ms": round(rollback_ms, 1),
            "t3_t0_ms": spans,
            "memory_mb": round(one_mb),
            "memory_mb_with_both": round(both_mb),
            "memory_mb_at_the_end": round(server.resident_mb),
        }


async def shadow(bench: Bench, people: int, rounds: int) -> dict[str, Any]:
    """With everything mirrored and without, turn about on one server."""
    spans: dict[bool, list[Any]] = {True: [], False: []}
    heard, dropped = 0, 0
    never = {**PLAN, "shadow_hold_s": 36_000}
    with bench.serving(f"shadow-{people}", **bench.nothing_golden(), **FULL) as server:
        admin = Admin(server.port)
        async with crowd(people, bench.everything, server.url, Manner(each=4)) as tally:
            await asyncio.sleep(10)
            for _ in range(rounds):
                for on in (False, True):
                    if on:
                        change = {"asr": {"model": str(bench.model("twin"))}}
                        await admin.post("start", changes=change, plan=never)
                        await admin.until("shadow", within_s=bench.within_s)
                    before = (await admin.status())["shadow"]
                    from_s = time.perf_counter()
                    await asyncio.sleep(bench.window_s)
                    spans[on] += tally.between(from_s, time.perf_counter())
                    after = (await admin.status())["shadow"]
                    heard += after["heard"] - before["heard"]
                    dropped += after["dropped"] - before["dropped"]
                    if on:
                        await admin.post("rollback", why="bench")
        return {
            "scenario": "shadow",
            "streams": people,
            "off": waits(spans[False]),
            "on": waits(spans[True]),
            "mirrored": heard,
            "dropped": dropped,
            "lost": tally.lost,
            "errors": tally.errors,
            "refused": tally.refused,
            "shadow_answers_shown": sum(one.model.startswith("twin") for one in tally.heard),
        }


async def page(bench: Bench, people: int, out: Path) -> dict[str, Any]:
    """What an administrator sees after one that was thrown out, while another is on its way."""
    with bench.serving("page", **bench.nothing_golden()) as server:
        found = await judged(bench, "broken", server, "w2v2-starter")
        admin, plan = Admin(server.port), {**FEW_STEPS, "canary_hold_s": 3600}
        async with crowd(people, bench.everything, server.url):
            change = {"asr": {"model": str(bench.model("twin"))}}
            await admin.post("start", changes=change, plan=plan)
            status = await admin.until("canary", within_s=bench.within_s)
            until_s = time.perf_counter() + bench.within_s
            while status["challenger_sessions"] < plan["canary"]["fewest_sessions"]:
                if time.perf_counter() > until_s:
                    break
                await asyncio.sleep(1)
                status = await admin.status()
            await asyncio.to_thread(picture, server.port, out)
    return {**found, "scenario": "page"}


async def run(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """The scenarios asked for, one after the other."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), asked)
        for name in asked.live.split(","):
            if name == "switch":
                results = [await switch(bench, asked.streams)]
            elif name == "shadow":
                loads = (asked.streams // 2, asked.streams)
                results = [await shadow(bench, people, asked.rounds) for people in loads]
            elif name == "page":
                results = [await page(bench, asked.people, asked.picture)]
            else:
                results = [await scenario(bench, name)]
            for one in results:
                print(json.dumps(one), flush=True)
            found += results
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=1))
    return found


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--live", default=",".join(SCENARIOS), help="scenarios, by commas")
    parser.add_argument(
        "--people", type=int, default=6, help="who speak at once where it is judged"
    )
    parser.add_argument(
        "--streams", type=int, default=20, help="of switch, and full load of shadow"
    )
    parser.add_argument("--window", type=float, default=45, help="seconds of each span compared")
    parser.add_argument("--rounds", type=int, default=2, help="of shadow off and on")
    parser.add_argument("--within", type=float, default=900, help="seconds a scenario may last")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="of the scenario page")
    asked = parser.parse_args()
    names = asked.live.split(",")
    if unknown := {*names} - {*SCENARIOS, "page"}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if "page" in names and not asked.picture:
        parser.error("--live page needs --picture OUT")
    asyncio.run(run(asked))


if __name__ == "__main__":
    main()
