"""How live traffic is watched, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from speechsearch.errors import ConfigError
from speechsearch.monitoring.drifting import DriftOptions
from speechsearch.monitoring.journey import JourneyOptions
from speechsearch.monitoring.rules import THRESHOLDS, SloOptions, Threshold, in_words
from speechsearch.monitoring.sinks import SinkOptions


@dataclass(frozen=True, slots=True)
class MonitoringOptions:
    """Everything about monitoring; ``enabled`` false leaves /metrics with what costs nothing."""

    enabled: bool = True
    folder: Path | None = None
    """Where history and reference profiles are kept; ``serve`` takes the user's data folder for
    None, other servers keep both in memory"""
    check_s: float = 15.0
    """Between two looks at the thresholds"""
    agree: int = 2
    """Looks in a row that raise or clear an alarm: one odd minute is none"""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    """By series, in the place of the defaults in monitoring/rules.py"""
    slo: SloOptions = field(default_factory=SloOptions)
    journeys: JourneyOptions = field(default_factory=JourneyOptions)
    drift: DriftOptions = field(default_factory=DriftOptions)
    sinks: SinkOptions = field(default_factory=SinkOptions)

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        unknown = sorted(set(self.thresholds) - set(THRESHOLDS))
        if unknown:
            raise ConfigError(
                f"there are no thresholds for {', '.join(unknown)}",
                hint=f"There are: {', '.join(sorted(THRESHOLDS))}",
            )
        if self.check_s <= 0 or self.agree < 1:
            raise ConfigError("check_s must be above 0 and agree 1 at least")

    @property
    def in_force(self) -> dict[str, Threshold]:
        """All thresholds, and where each comes from."""
        own = {
            name: replace(one, why="configuration") if one.why == "default" else one
            for name, one in self.thresholds.items()
        }
        return {**THRESHOLDS, **own}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every limit that is judged by, as a table shows it."""
        own = [{"rule": name, "series": name, **asdict(one)} for name, one in self.in_force.items()]
        return [*own, *in_words(self.slo)]
