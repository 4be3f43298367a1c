"""Alarms in force and alarms that were: raised, cleared, acknowledged, silenced. Pure.

What was raised is told once; an acknowledged one says who looks after it, a silenced rule still
shows but tells nobody.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from speechsearch.errors import ConfigError
from speechsearch.monitoring.alarms import RUNBOOK, Alarm, Severity
from speechsearch.monitoring.rules import Check

MOST_SILENCE_S = 30 * 24 * 3600.0
TEST, DRIFT = "test", "drift_"


@dataclass(frozen=True, slots=True)
class Entry:
    """One alarm from its raising to its end."""

    id: str
    rule: str
    metric: str
    stage: str
    severity: Severity
    cause: str
    runbook: str
    raised_s: float
    """Since 1970"""
    cleared_s: float | None = None
    acknowledged_by: str = ""
    silenced: bool = False
    """Whether nobody was told"""


@dataclass(slots=True)
class _State:
    """How a rule has fared in its newest checks."""

    bad: int = 0
    alerts: int = 0
    clear: int = 0


@dataclass(slots=True)
class Book:
    """Told of checks and of drift alarms; ``changed`` entries are to be kept and told."""

    agree: int = 2
    """Checks in a row that must agree, to raise and to clear"""
    in_force: dict[str, Entry] = field(default_factory=dict)
    silences: dict[str, float] = field(default_factory=dict)
    """Rule: until when"""
    _states: dict[str, _State] = field(default_factory=dict)
    _count: int = 0

    def restore(self, entries: list[dict[str, Any]], silences: list[dict[str, Any]]) -> None:
        """Go on with what a server before this one left."""
        for body in entries:
            entry = Entry(**body)
            if entry.cleared_s is None:
                self.in_force[entry.rule] = entry
        self.silences = {one["rule"]: one["until_s"] for one in silences}

    def check(self, check: Check, stage: str, now_s: float) -> Entry | None:
        """The entry that a check raises, worsens or clears."""
        state = self._states.setdefault(check.rule, _State())
        state.bad = state.bad + 1 if check.severity else 0
        state.alerts = state.alerts + 1 if check.severity == "alert" else 0
        state.clear = state.clear + 1 if check.is_clear else 0
        open_entry = self.in_force.get(check.rule)
        if open_entry and state.clear >= self.agree:
            return self.clear(check.rule, now_s)
        severity: Severity | None = (
            "alert"
            if state.alerts >= self.agree
            else "warning"
            if state.bad >= self.agree
            else None
        )
        if severity is None or (open_entry and open_entry.severity in ("alert", severity)):
            return None
        alarm = Alarm(0, check.metric, stage, check.words, severity)
        return self._raise(check.rule, alarm, now_s)

    def drifted(self, alarm: Alarm, now_s: float) -> Entry | None:
        """The entry that an alarm of the drift monitor raises or worsens."""
        rule = f"{DRIFT}{alarm.metric}"
        before = self.in_force.get(rule)
        if before and before.severity in ("alert", alarm.severity):
            return None
        return self._raise(rule, alarm, now_s)

    def calmed(self, metrics: Set[str] | None, now_s: float) -> list[Entry]:
        """The drift alarms that end: of these metrics, or for None of all."""
        over = [
            entry.rule
            for entry in self.in_force.values()
            if entry.rule == f"{DRIFT}{entry.metric}"
            and (metrics is None or entry.metric in metrics)
        ]
        return [entry for rule in over if (entry := self.clear(rule, now_s))]

    def test(self, now_s: float) -> Entry:
        """An alarm that says that alarms arrive."""
        self.in_force.pop(TEST, None)
        words = "a test: if this reached you, alarms do"
        return self._raise(TEST, Alarm(0, TEST, "outcome", words, "warning"), now_s)

    def clear(self, rule: str, now_s: float) -> Entry | None:
        """The entry that ends."""
        entry = self.in_force.pop(rule, None)
        self._states.pop(rule, None)
        return replace(entry, cleared_s=now_s) if entry else None

    def acknowledge(self, rule: str, who: str) -> Entry:
        """Somebody looks after it; raises ConfigError where it is not in force."""
        if rule not in self.in_force:
            raise ConfigError(f"no alarm {rule!r} is in force", hint="speechsearch alarms list")
        self.in_force[rule] = replace(self.in_force[rule], acknowledged_by=who)
        return self.in_force[rule]

    def silence(self, rule: str, until_s: float, now_s: float) -> None:
        """Tell nobody of a rule (``*``: of any) until then; an instant that is over ends it."""
        if until_s - now_s > MOST_SILENCE_S:
            raise ConfigError("a silence lasts 30 days at most", hint="Change its threshold")
        self.silences[rule] = until_s
        if until_s <= now_s:
            del self.silences[rule]

    def is_silent(self, rule: str, now_s: float) -> bool:
        """Whether nobody is told of it now."""
        return any(self.silences.get(name, 0.0) > now_s for name in (rule, "*"))

    def _raise(self, rule: str, alarm: Alarm, now_s: float) -> Entry:
        self._count += 1
        entry = Entry(
            id=f"{now_s:.3f}-{self._count}",
            rule=rule,
            metric=alarm.metric,
            stage=alarm.stage,
            severity=alarm.severity,
            cause=alarm.cause,
            runbook=RUNBOOK.get(alarm.stage, RUNBOOK_OTHER),
            raised_s=now_s,
            silenced=self.is_silent(rule, now_s),
        )
        before = self.in_force.get(rule)
        if before:  # the same alarm, worse
            entry = replace(
                entry, id=before.id, raised_s=before.raised_s,
                acknowledged_by=before.acknowledged_by,
            )  # fmt: skip
        self.in_force[rule] = entry
        return entry


RUNBOOK_OTHER = (
    "Look at /dashboard for the stage that eats the time; see the server's log for errors; "
    "compare with the time before the last deployment."
)


def body_of(entry: Entry) -> dict[str, Any]:
    """As it is kept, shown and sent."""
    return asdict(entry)
