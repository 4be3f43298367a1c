"""The client's own spans of an answer: what only its clock knows, under the server's trace."""

from __future__ import annotations

import time
from dataclasses import dataclass

from speechsearch.clock import Lap, monotonic_s
from speechsearch.tracing.spans import CLIENT, Attribute, Span, Traces, Untraced


@dataclass(slots=True)
class ClientTraces:
    """Told of a connection's sessions and answers, all on the monotonic clock."""

    traces: Traces
    session: str = ""

    @classmethod
    def none(cls) -> ClientTraces:
        """Nobody collects spans."""
        return cls(Untraced())

    def answered(self, utterance: int, laps: tuple[Lap, ...], error: str = "") -> None:
        """``laps`` follow one another: from the first sound to the answer on the screen."""
        if not self.session:
            return
        epoch_s = time.time() - monotonic_s()
        whole = Lap("client", laps[0].began_s, laps[-1].ended_s).later(epoch_s)
        self._emit(utterance, CLIENT, whole, error)
        for lap in laps:
            self._emit(utterance, f"{CLIENT}/{lap.name}", lap.later(epoch_s))

    def _emit(self, utterance: int, path: str, lap: Lap, error: str = "") -> None:
        about: dict[str, Attribute] = {"session.id": self.session}
        self.traces.emit(
            Span(self.session, utterance, path, lap.began_s, lap.ended_s, about, error=error)
        )
