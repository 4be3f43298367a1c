"""The figures of ``bench_drift`` for a person: tables and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    elif part == "noise":
        for ramp in figures:
            print(
                f"noise: recall@1 {ramp['recall_at_1_before']:.1%} before, "
                f"{ramp['recall_at_1_last']:.1%} at the end, fallen by a fifth at "
                f"{ramp['recall_fallen_by_a_fifth_at']}; first alert at {ramp['first_alert']}"
            )
        _show_alarms(figures[0]["replay"]["alarms"])
    else:
        found = sorted(-1 if one is None else one for one in figures["first_alert"])
        empty = " and ".join(f"{one:.1%}" for one in figures["empty_transcripts_before_and_after"])
        print(
            f"{part}: first alerts at {found}, any alarm at {figures['first_alarm']}; "
            f"empty transcripts {empty}"
        )
        _show_alarms(figures["replays"][0]["alarms"])


def _show_alarms(alarms: Sequence[Mapping[str, Any]]) -> None:
    for alarm in alarms[:ROWS]:
        print(
            f"    {alarm['at_utterance']:+5d} {alarm['severity']:7} {alarm['metric']:20} "
            f"{alarm['stage']:8} {alarm['cause']}"
        )


def draw(report: Mapping[str, Any], path: Path) -> None:
    """When each change is noticed, and the ramp beside what it does to the answers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    changes = [part for part in report if part not in ("nothing", "noise")]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), width_ratios=(3, 2))
    for row, part in enumerate(changes):
        _draw_alarms(left, report[part]["replays"], row)
    left.axvline(0, color="black", linewidth=1)
    left.set_yticks(range(len(changes)), changes)
    left.set_xlabel("utterances since the change")
    left.set_title(_said_of_nothing(report))
    if "noise" in report:
        _draw_ramp(right, report["noise"][0])
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _said_of_nothing(report: Mapping[str, Any]) -> str:
    kinds = "first alarm (orange) and alert (red) of each replay"
    if "nothing" not in report:
        return kinds
    figures = report["nothing"]
    return f"{kinds};\nno change: {figures['with_an_alert']} of {figures['replays']} with an alert"


def _draw_alarms(axes: Any, replays: Sequence[Mapping[str, Any]], row: int) -> None:
    for n, one in enumerate(replays):
        height = row + 0.6 * (n / max(1, len(replays) - 1) - 0.5)
        for severity, colour in sorted(COLOURS.items(), reverse=True):
            places = [
                alarm["at_utterance"] for alarm in one["alarms"] if alarm["severity"] == severity
            ]
            after = [place for place in places if place >= 0]
            shown = [place for place in places if place < 0] + ([min(after)] if after else [])
            axes.plot(shown, [height] * len(shown), ".", color=colour)


def _draw_ramp(axes: Any, figures: Mapping[str, Any]) -> None:
    recall = figures["recall_at_1"]
    end = figures["replay"]["n_after"]
    axes.plot(range(end - len(recall), end), recall, label="recall@1 of the last 200")
    axes.axhline(figures["recall_at_1_before"], color="grey", linestyle=":", label="before")
    if figures["first_alert"] is not None:
        axes.axvline(figures["first_alert"], color="tab:red", label="first alert")
    if figures["recall_fallen_by_a_fifth_at"] is not None:
        axes.axvline(
            figures["recall_fallen_by_a_fifth_at"], color="black", label="fallen by a fifth"
        )
    axes.set_ylim(0, 1)
    axes.set_xlabel("utterances since the ramp began (30 to 5 dB)")
    axes.legend()
