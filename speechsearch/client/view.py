"""The screen drawn with rich."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from speechsearch.client.screen import Screen
from speechsearch.types import Hit

BUDGET_MS = 500
BAR_CELLS = 40
METER_CELLS = 24
STAGES = ("endpoint", "network", "wait")
IN_THE_PAUSE = ("queue", "decode", "hypothesis", "search")
KEYS = "space mute   / type   1-9 or Enter open   Esc cancel   q quit"
HOLD_KEYS = "hold space to talk, or tap it to begin and to end   / type   1-9 open   q quit"


def render(screen: Screen) -> RenderableType:
    """The whole screen."""
    parts: list[RenderableType] = [_status(screen), _heard(screen), _hits(screen.hits)]
    if screen.timings_ms:
        parts.append(_budget(screen.timings_ms))
    parts += [Text(note, style="yellow") for note in screen.notes]
    parts.append(Text(HOLD_KEYS if screen.hold else KEYS, style="dim"))
    return Panel(Group(*parts), title="speechsearch", subtitle=screen.connection)


def _status(screen: Screen) -> Text:
    state, style = "listening", "green"
    if screen.muted:
        state, style = "MUTED", "bold white on red"
    elif screen.deaf:
        state, style = "NO SOUND", "bold white on red"
    elif screen.speaking:
        state, style = "speech", "bold green"
    elif screen.waiting:
        state, style = "searching", "bold cyan"
    elif screen.hold:
        state, style = ("TALK", "bold white on green") if screen.talking else ("held", "dim")
    filled = round((screen.dbfs + 70) / 70 * METER_CELLS)
    filled = max(0, min(METER_CELLS, 0 if screen.muted else filled))
    meter = "█" * filled + "·" * (METER_CELLS - filled)
    return Text.assemble(
        (f" {state} ", style), f"  {screen.source}  ", (meter, "cyan"), f" {screen.dbfs:4.0f} dBFS"
    )


def _heard(screen: Screen) -> Text:
    if screen.typing is not None:
        return Text(f"/{screen.typing}▏", style="bold")
    if not screen.text:
        return Text("say the name of what you look for", style="dim italic")
    sure = "" if screen.confidence is None else f"  ({screen.confidence:.0%} sure)"
    return Text.assemble("“", (screen.text, "bold"), "”", (sure, "dim"))


def _hits(hits: tuple[Hit, ...]) -> Table:
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1))
    for place, hit in enumerate(hits[:9], 1):
        details = [str(hit.fields[name]) for name in ("author", "year") if name in hit.fields]
        table.add_row(
            str(place), Text(hit.title, style="bold" if place == 1 else ""),
            Text(", ".join(details), style="dim"), f"{hit.score:.2f}", Text(hit.why, style="dim"),
        )  # fmt: skip
    return table


def _budget(timings_ms: dict[str, float]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    total_ms = timings_ms["end_of_speech_to_results"]
    ms_per_cell = max(BUDGET_MS, total_ms) / BAR_CELLS
    begun_ms = 0.0
    for stage in STAGES:
        ms = timings_ms.get(stage, 0.0)
        before = min(BAR_CELLS, round(begun_ms / ms_per_cell))
        cells = min(BAR_CELLS - before, round(ms / ms_per_cell))
        bar = " " * before + ("█" * cells or "▏")
        table.add_row(stage, f"{ms:6.0f} ms", Text(bar, style="cyan"))
        begun_ms += ms
    ahead = ", ".join(f"{name} {timings_ms.get(name, 0.0):.0f}" for name in IN_THE_PAUSE)
    table.add_row("", "", Text(f"begun in the pause: {ahead} ms", style="dim"))
    style = "bold green" if total_ms <= BUDGET_MS else "bold red"
    table.add_row("all", Text(f"{total_ms:6.0f} ms", style=style), f"of {BUDGET_MS} ms")
    return table
