"""From judgements to alarms: hysteresis, severity, what to do. Pure: told of checks, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from speechsearch.errors import ConfigError

Severity = Literal["warning", "alert"]


@dataclass(frozen=True, slots=True)
class AlarmOptions:
    """Family-wise p; ``bench_drift --part nothing`` counts the alerts without a change."""

    warning_p: float = 0.05
    alert_p: float = 0.025
    """How seldom a window strays so far where nothing changed, over all metrics and detectors"""
    clear_p: float = 0.2
    """An alarm is over above it"""
    checks: int = 3
    """In a row that must agree, to raise and to clear"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.alert_p <= self.warning_p <= self.clear_p <= 1:
            raise ConfigError("p must grow from alert_p over warning_p to clear_p, in 0..1")
        if self.checks < 1:
            raise ConfigError("checks must be 1 at least")


RUNBOOK: Mapping[str, str] = {
    "capture": "Compare microphones and clients of the newest sessions; listen to three of them.",
    "vad": "Compare the VAD's settings with those before; go back if speech is lost.",
    "asr": "Evaluate the model on the newest reviewed recordings; go back if it changed.",
    "search": "Search for what people asked in vain; restore or extend the catalogue.",
    "outcome": "Read the newest redone and abandoned searches in the review queue.",
}
"""What to do first, by stage"""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is other than it was."""

    at: int
    """Utterances taken in before it was raised"""
    metric: str
    stage: str
    """Where its cause lies, not where it shows"""
    cause: str
    severity: Severity

    @property
    def runbook(self) -> str:
        """What to do first."""
        return RUNBOOK[self.stage]


class Hysteresis:
    """One metric's alarm: raised by so many checks in a row, cleared by so many."""

    def __init__(self, options: AlarmOptions) -> None:
        self._options = options
        self._warned = self._alerted = self._cleared = 0
        self.severity: Severity | None = None
        """In force"""

    @property
    def is_calm(self) -> bool:
        """Whether checks enough, the newest, agree that nothing is wrong."""
        return self._cleared >= self._options.checks

    def put_in_force(self, severity: Severity) -> None:
        """Something other than a check has raised it."""
        self.severity, self._cleared = severity, 0

    def check(self, p: float) -> Severity | None:
        """Take a check's p in; the severity where one is raised now."""
        options = self._options
        self._warned = self._warned + 1 if p <= options.warning_p else 0
        self._alerted = self._alerted + 1 if p <= options.alert_p else 0
        self._cleared = self._cleared + 1 if p > options.clear_p else 0
        if self.is_calm:
            self.severity = None
        if self._alerted >= options.checks and self.severity != "alert":
            self.severity = "alert"
            return "alert"
        if self._warned >= options.checks and self.severity is None:
            self.severity = "warning"
            return "warning"
        return None
