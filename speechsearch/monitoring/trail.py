"""From what the server saw of an utterance to its spans. Pure; emits each as soon as it is known.

heard ─► capture, endpoint, wait, queue, decode, hypothesis, search    at once
second ear done ─► second pass                                         at once
concluded ─► click | redo | typed | abandoned, and the whole           when it is known
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

from speechsearch.clock import Lap
from speechsearch.monitoring.journey import Outcome
from speechsearch.monitoring.observation import Observation
from speechsearch.monitoring.seen import Failed, Heard, Reheard, Turn
from speechsearch.tracing.spans import ROOT, Attribute, Span, Traces, trace_id
from speechsearch.wire.messages import Report

MOST_OPEN = 2000
"""Utterances whose outcome is awaited; the oldest are closed without one"""
STAGE = {
    "capture": "capture", "endpoint": "vad", "wait": "wire", "queue": "asr", "decode": "asr",
    "hypothesis": "asr", "search": "search", "second pass": "asr",
}  # fmt: skip
NUMBERS = ("level_dbfs", "snr_db", "speech_share", "duration_s", "confidence", "answer_confidence")
"""Of an observation, that are told with the whole"""
TOLD = ("endpoint_ms", "network_ms", "all_ms")
"""Of a client's report"""


@dataclass(slots=True)
class _Open:
    """A whole that has no end yet."""

    span: Span
    attributes: dict[str, Attribute] = field(default_factory=dict)


class Trail:
    """Told of everything in order, in one thread."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._open: OrderedDict[tuple[str, int], _Open] = OrderedDict()

    def heard(self, heard: Heard, seen: Observation) -> None:
        """An utterance is answered."""
        turn = heard.turn
        if turn is None:
            return
        answered_s = turn.ended_s + heard.wait_ms / 1000
        laps = [*_of_turn(turn), Lap("wait", turn.ended_s, answered_s), *heard.laps]
        for name, same in groupby(sorted(laps, key=lambda lap: lap.name), lambda lap: lap.name):
            for ordinal, lap in enumerate(same):
                self._emit(
                    heard.session, heard.utterance, lap, {"stage": STAGE.get(name, "asr")}, ordinal
                )
        result = heard.result
        if result.continues is not None:
            self._close(heard.session, result.continues, answered_s, {"became": "continued"})
        facts: dict[str, Attribute] = {
            "arm": turn.arm, "model": result.model, "vad": heard.vad or seen.versions.vad,
            "hits": len(result.hits), "words": len(result.text.split()), "pauses": heard.pauses,
        }  # fmt: skip
        numbers = {name: float(getattr(seen, name)) for name in NUMBERS}
        facts |= {name: value for name, value in numbers.items() if math.isfinite(value)}
        whole = Span(
            heard.session, heard.utterance, ROOT, turn.began_s, answered_s,
            continues=result.continues,
        )  # fmt: skip
        self._open[heard.session, heard.utterance] = _Open(whole, facts)
        while len(self._open) > MOST_OPEN:
            session, number = next(iter(self._open))
            self._close(session, number, 0.0, {})

    def reheard(self, reheard: Reheard) -> None:
        """A second ear is done with it."""
        about = {"stage": "asr", "outcome": reheard.outcome}
        self._emit(reheard.session, reheard.utterance, reheard.lap, about)

    def reported(self, session: str, report: Report) -> None:
        """The client told how long it waited."""
        open_span = self._open.get((session, report.utterance))
        if open_span:
            told = {name: getattr(report, name) for name in TOLD}
            known = {name: float(ms) for name, ms in told.items() if ms is not None}
            open_span.attributes |= known

    def concluded(self, session: str, outcome: Outcome, now_s: float) -> None:
        """It is known what became of it."""
        open_span = self._open.get((session, outcome.utterance))
        if open_span is None:
            return
        name = "click" if outcome.became == "clicked" else outcome.became
        about: dict[str, Attribute] = {"stage": "outcome", "told": outcome.told}
        if outcome.rank is not None:
            about["rank"] = outcome.rank
        lap = Lap(name, open_span.span.ended_s, now_s)
        self._emit(session, outcome.utterance, lap, about)
        self._close(session, outcome.utterance, now_s, {"became": outcome.became})

    def failed(self, failed: Failed) -> None:
        """An utterance got no answer."""
        turn = failed.turn
        if turn is not None:
            for lap in _of_turn(turn):
                self._emit(failed.session, failed.utterance, lap, {"stage": STAGE[lap.name]})
            self._traces.emit(
                Span(
                    failed.session, failed.utterance, ROOT, turn.began_s, turn.ended_s,
                    _named({"arm": turn.arm}), error=failed.code,
                )
            )  # fmt: skip

    def close(self) -> None:
        """The server ends: what is open is over."""
        for session, number in list(self._open):
            self._close(session, number, 0.0, {})

    def _close(
        self, session: str, utterance: int, now_s: float, more: Mapping[str, Attribute]
    ) -> None:
        closing = self._open.pop((session, utterance), None)
        if closing:
            whole = closing.span
            about = {
                **_named({**closing.attributes, **more}),
                "session.id": session, "speechsearch.id": trace_id(session, utterance),
            }  # fmt: skip
            ended_s = max(whole.ended_s, now_s)
            self._traces.emit(
                Span(
                    session, utterance, ROOT, whole.began_s, ended_s, about,
                    continues=whole.continues,
                )
            )  # fmt: skip

    def _emit(
        self, session: str, utterance: int, lap: Lap, about: Mapping[str, Attribute],
        ordinal: int = 0,
    ) -> None:  # fmt: skip
        path = f"{ROOT}/{lap.name}"
        named = _named(about)
        self._traces.emit(Span(session, utterance, path, lap.began_s, lap.ended_s, named, ordinal))


def _of_turn(turn: Turn) -> tuple[Lap, Lap]:
    """From the first sound to the end of speech, and from there until that was known."""
    silent_s = max(turn.began_s, turn.ended_s - turn.silence_ms / 1000)
    return Lap("capture", turn.began_s, silent_s), Lap("endpoint", silent_s, turn.ended_s)


def _named(about: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {f"speechsearch.{name}": value for name, value in about.items()}
