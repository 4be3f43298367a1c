"""The figures of ``bench_drift`` for a person: tables and the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

Replays = Sequence[Mapping[str, Any]]
ROWS = 6
COLOURS = {"alert": "tab:red", "warning": "tab:orange"}


def show(part: str, figures: Any) -> None:
    """One part, as it is done."""
    if part == "nothing":
        share = figures["with_an_alert"] / figures["replays"]
        print(
            f"nothing: {figures['with_an_alert']} of {figures['replays']} replays of "
            f"{figures['utterances_each']} utterances with an alert ({share:.1%}), "
            f"{figures['with_any_alarm']} with any alarm; {figures['alerts_by_metric']}"
        )
    else:
        replays = figures["replays"]
        print(f"{part}: alerts {_places(replays, 'first_alert')}")
        print(f"    any alarm {_places(replays, 'first_alarm')}; {_named(replays)}")
        if part == "ramp":
            _show_recall(figures)
        else:
            _show_empty(figures)
        for alarm in figures["alarms_of_the_first_replay"][:ROWS]:
            print(
                f"    {alarm['at_utterance']:+5d} {alarm['severity']:7} {alarm['metric']:20} "
                f"{alarm['stage']:8} {alarm['cause']}"
            )


def _places(replays: Replays, kind: str) -> str:
    found = [one[kind] for one in replays if one[kind] is not None]
    if not found:
        return f"in none of {len(replays)} replays"
    span = f"after {min(found)} to {max(found)}, median {median(found):g}"
    return f"in {len(found)} of {len(replays)} replays {span}"


def _named(replays: Replays) -> str:
    """How many replays have an alert of each metric, the most first."""
    counts = Counter(metric for one in replays for metric in one["alerts"])
    return ", ".join(f"{metric} {count}" for metric, count in counts.most_common()) or "none named"


def _show_recall(figures: Mapping[str, Any]) -> None:
    print(
        f"    recall@1 {mean(figures['recall_at_1_before']):.1%} before, "
        f"{[round(one, 3) for one in figures['recall_at_1_last']]} in the last 200 of "
        f"{figures['heard']}; fallen by a fifth at "
        f"{figures['recall_of_all_fallen_by_a_fifth_at']} of all replays together, of each at "
        f"{figures['recall_fallen_by_a_fifth_at']}"
    )


def _show_empty(figures: Mapping[str, Any]) -> None:
    before, after = figures["empty_transcripts_before_and_after"]
    told = [one for one in figures["replays"] if one["of_empty_transcripts"]]
    print(
        f"    empty transcripts {before:.1%} before, {after:.1%} after; alarms of them: {len(told)}"
    )
    if told:
        print(f"    {told[0]['of_empty_transcripts']}")


def draw(report: Mapping[str, Any], path: Path) -> None:
    """When each change is noticed, and the ramp beside what it does to the answers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    changes = [part for part in report if part not in ("nothing", "ramp")]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), width_ratios=(3, 2))
    for row, part in enumerate(changes):
        _draw_alarms(left, report[part]["replays"], row)
    left.axvline(0, color="black", linewidth=1)
    left.set_yticks(range(len(changes)), changes)
    left.set_xlabel("utterances since the change")
    left.set_title(_said_of_nothing(report))
    if "ramp" in report:
        _draw_ramp(right, report["ramp"])
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _said_of_nothing(report: Mapping[str, Any]) -> str:
    kinds = "first alarm (orange) and alert (red) of each replay"
    if "nothing" not in report:
        return kinds
    figures = report["nothing"]
    return f"{kinds};\nno change: {figures['with_an_alert']} of {figures['replays']} with an alert"


def _draw_alarms(axes: Any, replays: Replays, row: int) -> None:
    for n, one in enumerate(replays):
        height = row + 0.6 * (n / max(1, len(replays) - 1) - 0.5)
        places = [(COLOURS[severity], place) for place, severity, _ in one["before"]]
        places += [(COLOURS["warning"], one["first_alarm"]), (COLOURS["alert"], one["first_alert"])]
        for colour, place in places:
            if place is not None:
                axes.plot([place], [height], ".", color=colour)


def _draw_ramp(axes: Any, figures: Mapping[str, Any]) -> None:
    recall = figures["recall_at_1_of_all"]
    half = figures["recall_over"] // 2
    axes.plot(range(half, half + len(recall)), recall, label="recall@1 of all replays")
    axes.axhline(mean(figures["recall_at_1_before"]), color="grey", linestyle=":", label="before")
    alerts = (one["first_alert"] for one in figures["replays"])
    for n, place in enumerate(one for one in alerts if one is not None):
        label = "first alert of each replay" if n == 0 else None
        axes.axvline(place, color="tab:red", linewidth=0.6, label=label)
    fallen = figures["recall_of_all_fallen_by_a_fifth_at"]
    if fallen is not None:
        axes.axvline(fallen, color="black", label="fallen by a fifth")
    axes.set_ylim(0, 1)
    axes.set_xlabel("utterances since the ramp began (30 to 5 dB)")
    axes.legend(loc="lower left")
