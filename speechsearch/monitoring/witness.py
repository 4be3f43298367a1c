"""From what the server saw to numbers: one place where every series gets its values.

    seen ─► observation ─► series ─► recorder, Prometheus
                      └──► drift
         ─► journey ─► outcomes ─► series

Runs in the observer's thread, after the answer was sent; no I/O.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry

from speechsearch.asr.model import ModelInfo
from speechsearch.monitoring.exposition import Exposition
from speechsearch.monitoring.fleet import Fleet
from speechsearch.monitoring.journey import Journey, JourneyOptions, Outcome, Search
from speechsearch.monitoring.observation import Observation, Versions, observe
from speechsearch.monitoring.seen import (
    Acted,
    Failed,
    Gone,
    Heard,
    Queried,
    Reported,
    Resumed,
    Seen,
)
from speechsearch.monitoring.timeline import Recorder
from speechsearch.types import SAMPLE_RATE_HZ

OBSERVED = (
    "level_dbfs", "snr_db", "clipping_share", "dc_share", "speech_share", "duration_s",
    "speaking_rate_hz", "confidence", "blank_share", "null_transcript", "unknown_words_share",
    "answer_confidence", "zero_results", "score_gap",
)  # fmt: skip
"""Series that are fields of an observation"""
TIMED = ("queue", "decode", "hypothesis", "search")
BAD_AUDIO = frozenset({"sample_position", "malformed", "too_large", "late"})
NEWEST = 200
MOST_SESSIONS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the server is."""

    info: ModelInfo
    catalogue: Callable[[], tuple[str, Set[str]]]
    """Its version, and the words of its titles (none where there are too many)"""
    registry: CollectorRegistry


@dataclass(slots=True)
class _Session:
    """What is remembered of one."""

    journey: Journey
    versions: Versions = field(default_factory=Versions)


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
        self._exposition = Exposition(facts.registry, facts.info.label)
        self._observed = observed
        self._journeys = journeys
        self._budget_ms = budget_ms
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._awaited: OrderedDict[str, Observation] = OrderedDict()
        self._fleet = Fleet()
        self._now = Versions()
        self.utterances: deque[dict[str, Any]] = deque(maxlen=NEWEST)
        """The newest, oldest first: metadata, never a word of what was said"""
        self.touched: set[str] = set()
        """Ids of utterances that are new or have changed"""

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
            case Reported():
                self._report(seen, now_s)
            case Failed():
                self.add("failed", 1.0, now_s)
                if seen.code in BAD_AUDIO:
                    self.add("bad_audio", 1.0, now_s)
            case Resumed():
                self.add("reconnects", 1.0, now_s)
            case Gone():
                session = self._sessions.pop(seen.session, None)
                if session:
                    self._conclude(seen.session, session.journey.ended(), now_s)

    def passed(self, now_s: float) -> None:
        """Time has passed: what nobody acted on is over."""
        for name, session in self._sessions.items():
            self._conclude(name, session.journey.passed(now_s), now_s)

    def add(self, series: str, value: float, now_s: float) -> None:
        """One value of a series; NaN is none."""
        if math.isfinite(value):
            self._recorder.add(series, value, now_s)
            self._exposition.add(series, value, self._now.vad)

    @property
    def versions(self) -> Versions:
        """In force for the traffic as a whole."""
        return self._now

    def _hear(self, heard: Heard, now_s: float) -> None:
        session, result = self._session(heard.session), heard.result
        catalogue, words = self._facts.catalogue()
        own = replace(
            session.versions,
            vad=heard.vad or session.versions.vad,
            model=result.model,
            catalogue=catalogue,
        )
        self._now = self._fleet.update(own)
        seen = observe(heard.passed, heard.session, self._now, self._facts.info, words)
        for name in OBSERVED:
            self.add(name, getattr(seen, name), now_s)
        for name in TIMED:
            if name in result.timings_ms:
                self.add(f"{name}_ms", result.timings_ms[name], now_s)
        self.add("wait_ms", heard.wait_ms, now_s)
        decode_ms = result.timings_ms.get("decode", math.nan)
        self.add("rtf", decode_ms / 1000 / (seen.duration_s or math.nan), now_s)
        self.add("pauses", heard.pauses, now_s)
        self.add("early_cut", float(result.continues is not None), now_s)
        self.add("query_words", len(result.text.split()) or math.nan, now_s)
        self.add("failed", 0.0, now_s)
        self.add("bad_audio", 0.0, now_s)
        self._remember(heard, seen, now_s)
        hits = tuple(hit.id for hit in result.hits)
        search = Search(heard.utterance, result.text, hits, now_s)
        self._conclude(heard.session, session.journey.answered(search, result.continues), now_s)
        if result.continues is not None:
            self._awaited.pop(trace_id(heard.session, result.continues), None)
        self._awaited[trace_id(heard.session, heard.utterance)] = seen
        while len(self._awaited) > MOST_SESSIONS:
            self._awaited.popitem(last=False)

    def _query(self, query: Queried, now_s: float) -> None:
        journey = self._session(query.session).journey
        self._conclude(query.session, journey.typed(now_s), now_s)
        self.add("query_words", query.words, now_s)
        self.add("search_ms", query.ms, now_s)

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
            self.add(name, math.nan if value is None else value, now_s)
        if report.all_ms is not None:
            self.add("slow", float(report.all_ms > self._budget_ms), now_s)
            self._amend(
                reported.session, report.utterance,
                all_ms=report.all_ms, endpoint_ms=report.endpoint_ms, network_ms=report.network_ms,
            )  # fmt: skip
        for name in ("overruns", "device_changes"):
            if count := getattr(report, name):
                self.add(name, count, now_s)
        if report.captured_samples:
            share = min(1.0, report.sent_samples / report.captured_samples)
            self.add("sent_share", share, now_s)

    def _conclude(self, session: str, outcomes: list[Outcome], now_s: float) -> None:
        for outcome in outcomes:
            for name in ("redo", "typed", "clicked", "abandoned"):
                self.add(name, float(outcome.became == name), now_s)
            self._hand_on(trace_id(session, outcome.utterance), outcome, now_s)
            if outcome.rank is not None:
                self.add("rank_clicked", outcome.rank, now_s)
            self._amend(
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

    def _remember(self, heard: Heard, seen: Observation, now_s: float) -> None:
        result = heard.result
        samples = len(heard.passed.samples)
        identity = trace_id(heard.session, heard.utterance)
        self.utterances.append(
            {
                "id": identity,
                "at_s": now_s,
                "seconds": round(samples / SAMPLE_RATE_HZ, 2),
                "level_dbfs": _rounded(seen.level_dbfs),
                "snr_db": _rounded(seen.snr_db),
                "confidence": _rounded(seen.confidence, 3),
                "answer_confidence": _rounded(seen.answer_confidence, 3),
                "hits": len(result.hits),
                "speech": bool(result.hypotheses),
                "wait_ms": round(heard.wait_ms, 1),
                "timings_ms": {name: round(ms, 1) for name, ms in result.timings_ms.items()},
                "model": result.model,
                "continues": result.continues is not None,
            }
        )
        self.touched.add(identity)

    def _amend(self, session: str, utterance: int, **more: Any) -> None:
        identity = trace_id(session, utterance)
        for one in reversed(self.utterances):
            if one["id"] == identity:
                one.update({name: value for name, value in more.items() if value is not None})
                self.touched.add(identity)
                return


def trace_id(session: str, utterance: int) -> str:
    """One id from capture to click: 128 bits in hex, as OpenTelemetry has them."""
    return hashlib.blake2b(f"{session}/{utterance}".encode(), digest_size=16).hexdigest()


def _rounded(value: float, digits: int = 1) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
