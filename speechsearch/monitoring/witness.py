"""From what the server saw to numbers: one place where every series gets its values.

    seen ─► observation ─► series ─► recorder, Prometheus
                      └──► drift
         ─► journey ─► outcomes ─► series

Runs in the observer's thread, after the answer was sent; no I/O.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace

from prometheus_client import CollectorRegistry

from speechsearch.asr.model import ModelInfo
from speechsearch.monitoring.exposition import Exposition, Labels
from speechsearch.monitoring.fleet import Fleet
from speechsearch.monitoring.journey import Journey, JourneyOptions, Outcome, Search
from speechsearch.monitoring.newest import Newest
from speechsearch.monitoring.observation import Observation, Versions, observe
from speechsearch.monitoring.seen import (
    CHAMPION,
    Acted,
    Failed,
    Gone,
    Heard,
    Queried,
    Reheard,
    Reported,
    Resumed,
    Seen,
)
from speechsearch.monitoring.timeline import Recorder
from speechsearch.monitoring.trail import Trail
from speechsearch.tracing.spans import Traces, Untraced, trace_id

OBSERVED = (
    "level_dbfs", "snr_db", "clipping_share", "dc_share", "speech_share", "duration_s",
    "model_level_dbfs", "model_gain_db", "model_dc_share",
    "speaking_rate_hz", "confidence", "blank_share", "null_transcript", "unknown_words_share",
    "answer_confidence", "zero_results", "score_gap",
)  # fmt: skip
"""Series that are fields of an observation"""
TIMED = ("queue", "decode", "hypothesis", "search")
CHALLENGER = "challenger"
"""The arm whose answers come from another version"""
BAD_AUDIO = frozenset({"sample_position", "malformed", "too_large", "late"})
MOST_SESSIONS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the server is."""

    info: ModelInfo
    catalogue: Callable[[], tuple[str, Set[str]]]
    """Its version, and the words of its titles (none where there are too many)"""
    registry: CollectorRegistry
    traces: Traces = field(default_factory=Untraced)


@dataclass(slots=True)
class _Session:
    """What is remembered of one."""

    journey: Journey
    versions: Versions = field(default_factory=Versions)
    arm: str = CHAMPION
    """That of its newest answer"""


class Witness:
    """``take`` in order; ``observed`` is called with each observation and the instant."""

    def __init__(
        self,
        facts: Facts,
        recorder: Recorder,
        observed: Callable[[Observation, float], None] = lambda _, __: None,
        journeys: JourneyOptions | None = None,
        budget_ms: float = 500.0,
    ) -> None:
        self._facts = facts
        self._recorder = recorder
        self._exposition = Exposition(facts.registry)
        self._trail = Trail(facts.traces)
        self._observed = observed
        self._journeys = journeys
        self._budget_ms = budget_ms
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._awaited: OrderedDict[str, Observation] = OrderedDict()
        self._fleet = Fleet()
        self._now = Versions()
        self.newest = Newest()

    def take(self, seen: Seen, now_s: float) -> None:
        """One thing that the server saw, at an instant (seconds since 1970)."""
        match seen:
            case Heard():
                self._hear(seen, now_s)
            case Queried():
                self._query(seen, now_s)
            case Acted():
                journey = self._session(seen.session).journey
                told = journey.told(seen.action, seen.utterance, seen.hit)
                self._conclude(seen.session, told, now_s)
            case Reheard():
                self._trail.reheard(seen)
            case Reported():
                self._report(seen, now_s)
            case Failed():
                self._fail(seen, now_s)
            case Resumed():
                self.add("reconnects", 1.0, now_s)
            case Gone():
                self._leave(seen.session, now_s)

    def passed(self, now_s: float) -> None:
        """Time has passed: what nobody acted on is over."""
        for name, session in self._sessions.items():
            self._conclude(name, session.journey.passed(now_s), now_s)

    def close(self) -> None:
        """The server ends: what becomes of the newest answers is never known."""
        self._trail.close()

    def add(self, series: str, value: float, now_s: float, whose: _Session | None = None) -> None:
        """One value of a series, of a session or of the server as a whole; NaN is none."""
        if math.isfinite(value):
            arm, own = (whose.arm, whose.versions) if whose else (CHAMPION, self._now)
            model, vad = own.model or self._facts.info.label, own.vad or self._now.vad
            labels = Labels(model, arm, vad)
            self._recorder.add(series, value, now_s)
            self._exposition.add(series, value, labels)

    @property
    def versions(self) -> Versions:
        """In force for the traffic as a whole."""
        return self._now

    def _hear(self, heard: Heard, now_s: float) -> None:
        session, result = self._session(heard.session), heard.result
        catalogue, words = self._facts.catalogue()
        session.arm, own = heard.arm, session.versions
        own = session.versions = replace(
            own, vad=heard.vad or own.vad, model=result.model, catalogue=catalogue
        )
        if heard.arm == CHALLENGER:  # tried by some: in force for the rest is another
            versions = replace(self._now, model=result.model)
        else:
            versions = self._now = self._fleet.update(own)
        info = heard.info or self._facts.info
        seen = observe(heard.passed, heard.session, versions, info, words)
        for name, value in _values(heard, seen).items():
            self.add(name, value, now_s, session)
        self._trail.heard(heard, seen)
        self.newest.remember(heard, seen, now_s)
        hits = tuple(hit.id for hit in result.hits)
        search = Search(heard.utterance, result.text, hits, now_s)
        self._conclude(heard.session, session.journey.answered(search, result.continues), now_s)
        if result.continues is not None:
            self._awaited.pop(trace_id(heard.session, result.continues), None)
        if heard.arm != CHALLENGER:  # judged by the rollout: the reference is the champion's
            self._awaited[trace_id(heard.session, heard.utterance)] = seen
        while len(self._awaited) > MOST_SESSIONS:
            self._awaited.popitem(last=False)

    def _query(self, query: Queried, now_s: float) -> None:
        session = self._session(query.session)
        self._conclude(query.session, session.journey.typed(now_s), now_s)
        self.add("query_words", query.words, now_s, session)
        self.add("search_ms", query.ms, now_s, session)

    def _report(self, reported: Reported, now_s: float) -> None:
        report, session = reported.report, self._session(reported.session)
        known = session.versions
        session.versions = replace(
            known,
            client=report.client or known.client,
            microphone=report.microphone or known.microphone,
            vad=report.detector or known.vad,
        )
        for name in ("endpoint_ms", "network_ms", "all_ms"):
            value = getattr(report, name)
            self.add(name, math.nan if value is None else value, now_s, session)
        self._trail.reported(reported.session, report)
        if report.all_ms is not None:
            self.add("slow", float(report.all_ms > self._budget_ms), now_s, session)
            self.newest.amend(
                reported.session, report.utterance,
                all_ms=report.all_ms, endpoint_ms=report.endpoint_ms, network_ms=report.network_ms,
            )  # fmt: skip
        for name in ("overruns", "device_changes"):
            if count := getattr(report, name):
                self.add(name, count, now_s, session)
        if report.captured_samples:
            share = min(1.0, report.sent_samples / report.captured_samples)
            self.add("sent_share", share, now_s, session)

    def _fail(self, failed: Failed, now_s: float) -> None:
        self._trail.failed(failed)
        self.add("failed", 1.0, now_s)
        if failed.code in BAD_AUDIO:
            self.add("bad_audio", 1.0, now_s)

    def _leave(self, name: str, now_s: float) -> None:
        if session := self._sessions.get(name):
            self._conclude(name, session.journey.ended(), now_s)
            del self._sessions[name]

    def _conclude(self, session: str, outcomes: list[Outcome], now_s: float) -> None:
        whose = self._sessions.get(session)
        for outcome in outcomes:
            for name in ("redo", "typed", "clicked", "abandoned"):
                self.add(name, float(outcome.became == name), now_s, whose)
            self._hand_on(trace_id(session, outcome.utterance), outcome, now_s)
            if outcome.rank is not None:
                self.add("rank_clicked", outcome.rank, now_s, whose)
            self._trail.concluded(session, outcome, now_s)
            self.newest.amend(
                session, outcome.utterance,
                became=outcome.became, rank=outcome.rank, concluded_s=now_s,
            )  # fmt: skip

    def _hand_on(self, identity: str, outcome: Outcome, now_s: float) -> None:
        """The observation, now that it is known what became of the answer."""
        seen = self._awaited.pop(identity, None)
        if seen:
            became = outcome.became
            concluded = replace(
                seen,
                redone=float(became == "redo"),
                typed=float(became == "typed"),
                clicked=float(became == "clicked"),
                abandoned=float(became == "abandoned"),
            )
            self._observed(concluded, now_s)

    def _session(self, name: str) -> _Session:
        session = self._sessions.setdefault(name, _Session(Journey(self._journeys)))
        self._sessions.move_to_end(name)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session


def _values(heard: Heard, seen: Observation) -> dict[str, float]:
    """One of each series that an answer has a value of."""
    result = heard.result
    values = {name: float(getattr(seen, name)) for name in OBSERVED}
    values |= {f"{name}_ms": result.timings_ms[name] for name in TIMED if name in result.timings_ms}
    decode_ms = result.timings_ms.get("decode", math.nan)
    return values | {
        "wait_ms": heard.wait_ms,
        "rtf": decode_ms / 1000 / (seen.duration_s or math.nan),
        "pauses": heard.pauses,
        "early_cut": float(result.continues is not None),
        "query_words": len(result.text.split()) or math.nan,
        "failed": 0.0,
        "bad_audio": 0.0,
    }
