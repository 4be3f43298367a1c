"""The figures of ``bench_endpoint`` for a person: tables and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from endpoint_curve import BLANKS, TIERS

TITLES = {"commands": "orders", "speech": "read sentences"}
HALVES = ("fitted", "held out")
OUTCOMES = ("joined", "apart", "second part unheard", "first part unheard")


def show(report: Mapping[str, Any]) -> None:
    """All that was measured."""
    print()
    for name, points in report.get("curves", {}).items():
        _show_points(name, sorted(points, key=lambda p: str(p["policy"])), "policy", "usual_ms")
    for name, points in report.get("long_sessions", {}).items():
        _show_points(f"{name}, a session for each speaker", points, "slow_ms")
    for name, cells in report.get("repair", {}).items():
        _show_cells(name, cells)
    if "fitted" in report:
        print(report["fitted"])
        _show_choice(report["choice"])


def _show_points(name: str, points: Sequence[dict[str, Any]], *keys: str) -> None:
    print(f"{name}: n = {points[0]['n']}")
    print(f"{' '.join(keys):24}  early  unrepaired  t1-t0 p50    p90    p95    p99  none  by")
    for p in points:
        t, tiers = p["t1_t0_ms"], ", ".join(f"{k} {v:.0%}" for k, v in p["tiers"].items())
        print(
            f"{' '.join(str(p[key]) for key in keys):24}  {p['early_cutoff_rate']:5.1%}  "
            f"{p['unrepaired_rate']:10.1%}  {t['p50']:9} {t['p90']:6} {t['p95']:6} {t['p99']:6} "
            f"{p['no_endpoint']:5}  {tiers}{'  <- the default' if p['default'] else ''}"
        )


def _show_cells(name: str, cells: Sequence[dict[str, Any]]) -> None:
    print(f"catalogue {name}")
    print(
        f"{'truth':6}{'table':10}{'kind':14}{'speakers':10}   right     95 %          n  outcomes"
    )
    for c in cells:
        low, high = c["right_95"]
        came = ", ".join(f"{o} {c[o]}" for o in OUTCOMES if o in c)
        print(
            f"{c['truth']:6}{c['table']:10}{c['kind']:14}{c['speakers']:10} {c['right']:7.1%} "
            f"{low:7.1%} -{high:7.1%} {c['n']:6}  {came}"
        )


def _show_choice(choice: Sequence[dict[str, Any]]) -> None:
    columns = [("one", "pause"), ("one", "all"), ("two", "all")]
    print("right of (fitted, held out) real pauses, all cuts, two queries, in each table")
    for line in choice:
        print(f"safety {line['safety']:.2f}, offset {line['offset']:.2f}")
        right = {(c["table"], c["truth"], c["kind"], c["speakers"]): c for c in line["cells"]}
        for table in ("phrases", "speech", "commands"):
            shares = [
                " ".join(f"{right[table, *kind, half]['right']:6.1%}" for half in HALVES)
                for kind in columns
            ]
            print(f"  {table:10}{'   '.join(shares)}")


def draw(report: Mapping[str, Sequence[dict[str, Any]]], out: Path) -> None:
    """Early cut-offs against t1 - t0: a panel for each table, p50 solid, p90 dashed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, len(report), figsize=(5.2 * len(report), 3.8), layout="constrained", squeeze=False
    )
    for axes, (table, points) in zip(panels[0], report.items(), strict=True):
        for place, policy in enumerate((*TIERS, BLANKS)):
            own = [p for p in points if p["policy"] == policy]
            early = [100 * p["early_cutoff_rate"] for p in own]
            for percentile, style in (("p50", "-"), ("p90", "--")):
                axes.plot(
                    [p["t1_t0_ms"][percentile] for p in own], early, style, color=f"C{place}",
                    label=policy if percentile == "p50" else None,
                    linewidth=6 if policy == "all" else 1.2,
                    alpha=0.3 if policy == "all" else 1.0,
                )  # fmt: skip
        for p in (p for p in points if p["default"]):
            for percentile in ("p50", "p90"):
                at = p["t1_t0_ms"][percentile], 100 * p["early_cutoff_rate"]
                axes.plot(*at, "k*", markersize=10)
        axes.axvline(500, color="crimson", linewidth=0.8)
        axes.set(xlabel="t1 - t0, ms (p50 solid, p90 dashed)", ylabel="cut early, %")
        axes.set(title=f"{TITLES.get(table, table)}, n = {points[0]['n']}", xlim=(150, 750))
        axes.set_ylim(bottom=0)
    panels[0][0].legend(fontsize=8)
    figure.savefig(out, dpi=100)
