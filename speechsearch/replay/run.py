"""Traffic past the monitor: which alarms it raises, counted from the change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from speechsearch.config import Settings
from speechsearch.monitoring.alarms import Alarm
from speechsearch.monitoring.alone import Alone, Found
from speechsearch.monitoring.monitor import Monitor, MonitorOptions
from speechsearch.monitoring.reference import ReferenceProfile, enough
from speechsearch.replay.cache import Outcome, OutcomeCache
from speechsearch.replay.changes import Changes
from speechsearch.replay.ears import Ears
from speechsearch.replay.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was raised."""

    n_before: int
    n_after: int
    alarms: tuple[Alarm, ...]
    detectors: tuple[Found, ...] = ()
    """What each detector would have raised alone"""

    def report(self) -> dict[str, Any]:
        """As it is written to JSON; ``at_utterance`` is negative before the change."""
        return {
            "n_before": self.n_before,
            "n_after": self.n_after,
            "alarms": [
                {
                    "at_utterance": alarm.at - 1 - self.n_before,
                    "metric": alarm.metric,
                    "stage": alarm.stage,
                    "cause": alarm.cause,
                    "severity": alarm.severity,
                }
                for alarm in self.alarms
            ],
        }


@dataclass(frozen=True, slots=True)
class Observed:
    """Traffic that has passed through the pipeline."""

    reference: Sequence[Outcome]
    before: Sequence[Outcome]
    after: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class BothEars:
    """Those before the change and those from it on."""

    before: Ears
    after: Ears

    @classmethod
    def of(cls, settings: Settings, changes: Changes, cache: OutcomeCache) -> BothEars:
        """Raises ModelError, SearchIndexError where model or index are not there."""
        ears, changed = Ears(settings, cache), changes.settings(settings)
        return cls(ears, ears if changed == settings else Ears(changed, cache))


def hear_all(
    traffic: Traffic, ears: BothEars, progress: Callable[[int], None] | None = None
) -> Observed:
    """Hear the traffic, what is not cached in the pipeline; ``progress`` hears how much is done.

    Raises ConfigError for a reference of too few speakers, AudioFileError for a recording that
    cannot be read.
    """
    enough(len({one.session for one in traffic.reference}))
    parts: list[list[Outcome]] = []
    done = 0
    for said, ear in (
        (traffic.reference, ears.before),
        (traffic.before, ears.before),
        (traffic.after, ears.after),
    ):
        heard: list[Outcome] = []
        for one in said:
            heard.append(ear.hear(one))
            done += 1
            if progress:
                progress(done)
        parts.append(heard)
    return Observed(*parts)


def replay(observed: Observed, options: MonitorOptions | None = None) -> Replayed:
    """Watch it as if it came live."""
    reference = ReferenceProfile.of([one.observation for one in observed.reference])
    options, traffic = options or MonitorOptions(), (*observed.before, *observed.after)
    alone = Alone(options.alarms)
    monitor = Monitor(reference, options, alone)
    alarms = [alarm for one in traffic for alarm in monitor.update(one.observation)]
    return Replayed(len(observed.before), len(observed.after), tuple(alarms), tuple(alone.found))
