"""When a number of live traffic is an alarm: thresholds with hysteresis, and SLO burn rates. Pure.

A threshold is judged over a window with a least number of events. It is raised by so many checks in
a row beyond it and cleared by as many on the other side of ``clear``, so that a value that hangs at
the threshold does not ring twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from speechsearch.errors import ConfigError
from speechsearch.monitoring.alarms import Severity
from speechsearch.monitoring.series import BY_NAME
from speechsearch.monitoring.summary import Summary

Direction = Literal["above", "below"]
Look = Callable[[str, float], Summary]
"""Series and seconds back from now: what was measured"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One series' limits, in its own unit (a share of 1 for ``%``)."""

    alert: float
    warning: float
    clear: float
    side: Direction = "above"
    """The bad side"""
    window_s: float = 1800
    least: int = 30
    """Events in the window; fewer prove nothing"""
    why: str = "default"
    """Where the limits come from"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        ordered = (self.clear, self.warning, self.alert)
        if self.side == "below":
            ordered = (self.alert, self.warning, self.clear)
        if list(ordered) != sorted(ordered):
            raise ConfigError(
                f"clear {self.clear:g}, warning {self.warning:g} and alert {self.alert:g} are out "
                f"of order for a limit that is bad {self.side}",
                hint="From good to bad: clear, warning, alert",
            )
        if self.window_s < 60 or self.least < 1:
            raise ConfigError("a window lasts 60 s at least and takes 1 event or more")

    def severity(self, value: float) -> Severity | None:
        """What a value is worth."""
        sign = 1 if self.side == "above" else -1
        if sign * value >= sign * self.alert:
            return "alert"
        return "warning" if sign * value >= sign * self.warning else None

    def is_clear(self, value: float) -> bool:
        """Whether a value ends an alarm."""
        return value < self.clear if self.side == "above" else value > self.clear


THRESHOLDS: Mapping[str, Threshold] = {
    "clipping_share": Threshold(0.05, 0.01, 0.005, window_s=900, least=20),
    "snr_db": Threshold(5, 10, 12, "below"),
    "level_dbfs": Threshold(-55, -48, -45, "below"),
    "bad_audio": Threshold(0.2, 0.05, 0.02),
    "failed": Threshold(0.2, 0.05, 0.02, window_s=900),
    "speech_share": Threshold(0.2, 0.3, 0.35, "below"),
    "confidence": Threshold(0.4, 0.5, 0.55, "below"),
    "null_transcript": Threshold(0.2, 0.1, 0.07),
    "zero_results": Threshold(0.4, 0.25, 0.2),
    "redo": Threshold(0.4, 0.25, 0.2, window_s=3600),
    "typed": Threshold(0.3, 0.2, 0.15, window_s=3600),
    "cpu_share": Threshold(1.8, 1.5, 1.2, window_s=600, least=5),
    "memory_mb": Threshold(4000, 2500, 2300, window_s=600, least=5),
}
"""Wide: what is surely wrong in any traffic. ``alarms tune`` proposes narrower ones from history"""


@dataclass(frozen=True, slots=True)
class Burn:
    """A share of the SLO's budget of 30 days, spent in one long window; the short one says that it
    is being spent still (Beyer et al. 2018, "The Site Reliability Workbook", chapter 5).
    """

    long_s: float
    short_s: float
    spends: float
    severity: Severity

    @property
    def rate(self) -> float:
        """Times the rate that would spend the budget in just its period."""
        return self.spends * PERIOD_S / self.long_s


PERIOD_S = 30 * 24 * 3600
BURNS = (
    Burn(3600, 300, 0.01, "alert"),
    Burn(6 * 3600, 1800, 0.03, "alert"),
    Burn(24 * 3600, 2 * 3600, 0.08, "warning"),
    Burn(3 * 24 * 3600, 6 * 3600, 0.15, "warning"),
)
"""At 95 % in time the copied 14.4 would mean 72 % slow; these are 36, 18, 12 and 7.5 %"""


@dataclass(frozen=True, slots=True)
class SloOptions:
    """Which share of answers must be there in time."""

    objective: float = 0.95
    budget_ms: float = 500.0
    least: int = 20
    """Answers in the long window; the short one asks for a quarter"""
    why: str = "default"
    """Where the objective comes from"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1 or self.budget_ms <= 0 or self.least < 1:
            raise ConfigError("the SLO needs an objective in 0..1, a budget above 0 and least >= 1")
        for burn in BURNS:
            if burn.rate * (1 - self.objective) >= 1:
                raise ConfigError(
                    f"an objective of {self.objective:g} cannot be burnt {burn.rate:.1f} times",
                    hint="Choose an objective of 0.87 or more",
                )


@dataclass(frozen=True, slots=True)
class Check:
    """One rule's judgement now."""

    rule: str
    metric: str
    severity: Severity | None
    is_clear: bool
    words: str


def checks(thresholds: Mapping[str, Threshold], slo: SloOptions, look: Look) -> Iterator[Check]:
    """All rules that have events enough."""
    for name, threshold in thresholds.items():
        found = look(name, threshold.window_s)
        if found.count >= threshold.least:
            value = statistic(name, found)
            yield Check(
                name, name, threshold.severity(value), threshold.is_clear(value),
                _said(name, value, threshold, found.count),
            )  # fmt: skip
    for burn in BURNS:
        long, short = look("slow", burn.long_s), look("slow", burn.short_s)
        if long.count >= slo.least and short.count >= max(1, slo.least // 4):
            limit = burn.rate * (1 - slo.objective)
            burns = min(long.mean, short.mean) >= limit
            yield Check(
                burn_name(burn), "slow", burn.severity if burns else None, not burns,
                f"{long.mean:.0%} of {long.count} answers took over {slo.budget_ms:g} ms in "
                f"{span(burn.long_s)} (limit {limit:.0%}, {burn.spends:.0%} of the month's budget)",
            )  # fmt: skip


def in_words(slo: SloOptions) -> Iterator[dict[str, Any]]:
    """The burn rates as rows of a table of thresholds; a warning has no alert, and so on."""
    for burn in BURNS:
        limit = burn.rate * (1 - slo.objective)
        yield {
            "rule": burn_name(burn),
            "series": "slow",
            "side": "above",
            "warning": limit if burn.severity == "warning" else None,
            "alert": limit if burn.severity == "alert" else None,
            "clear": limit,
            "window_s": burn.long_s,
            "least": slo.least,
            "why": f"computed for {slo.objective:.0%} within {slo.budget_ms:g} ms: {slo.why}",
        }


def burn_name(burn: Burn) -> str:
    """``slo_burn_1h``."""
    return f"slo_burn_{span(burn.long_s)}"


def statistic(name: str, found: Summary) -> float:
    """The number that a series is judged by."""
    kind = BY_NAME[name].statistic
    return found.quantile(0.95) if kind == "p95" else found.total if kind == "total" else found.mean


def span(seconds: float) -> str:
    """``5m``, ``6h``, ``3d``: as Prometheus writes it."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


def _said(name: str, value: float, threshold: Threshold, count: int) -> str:
    about = BY_NAME[name]
    times, unit = (100, " %") if about.unit == "%" else (1, f" {about.unit}".rstrip())
    limit = threshold.alert if threshold.severity(value) == "alert" else threshold.warning
    return (
        f"{about.words} {value * times:.3g}{unit} over {span(threshold.window_s)} "
        f"(n {count}, limit {limit * times:.3g}{unit})"
    )
