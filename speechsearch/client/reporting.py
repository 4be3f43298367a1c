"""What the client tells a server that monitors: versions, instants, the health of its source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from speechsearch.wire import messages as m

LONGEST = m.MAX_QUERY_LETTERS
"""Letters of a name"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the client began."""

    captured_samples: int = 0
    sent_samples: int = 0
    overruns: int = 0
    device_changes: int = 0
    reconnects: int = 0


@dataclass(slots=True)
class Reporter:
    """Makes reports of what is new since the last one; no I/O."""

    client: str
    detector: str
    wanted: bool = False
    """Whether the server asked for reports"""
    _told: Totals = field(default_factory=Totals)
    _device_changes: int = 0
    _connections: int = 0

    def connected(self, ready: m.Ready, microphone: str) -> m.Report | None:
        """The server greeted: what the sound comes from."""
        self._connections += 1
        self.wanted = ready.reports
        if not self.wanted:
            return None
        return m.Report(
            client=self.client[:LONGEST],
            microphone=microphone[:LONGEST],
            detector=self.detector[:LONGEST],
        )

    def device_changed(self) -> None:
        """The source is another one, or came back."""
        self._device_changes += 1

    def answered(
        self, utterance: int, timings_ms: dict[str, float], microphone: str, totals: Totals
    ) -> m.Report | None:
        """What an answer cost as the client saw it."""
        if not self.wanted:
            return None
        now = replace(
            totals,
            device_changes=self._device_changes,
            reconnects=max(0, self._connections - 1),
        )
        told, self._told = self._told, now
        return m.Report(
            client=self.client[:LONGEST],
            microphone=microphone[:LONGEST],
            detector=self.detector[:LONGEST],
            utterance=utterance,
            endpoint_ms=max(0.0, timings_ms["endpoint"]),
            network_ms=max(0.0, timings_ms["network"]),
            all_ms=max(0.0, timings_ms["end_of_speech_to_results"]),
            captured_samples=now.captured_samples - told.captured_samples,
            sent_samples=now.sent_samples - told.sent_samples,
            overruns=now.overruns - told.overruns,
            device_changes=now.device_changes - told.device_changes,
            reconnects=now.reconnects - told.reconnects,
        )
