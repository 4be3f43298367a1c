"""Is the challenger worse than the champion, or surely not, or is it too early to say?

What is compared are *sessions*, never utterances: those of one person are alike, and a test that
takes them for independent is too sure of itself. A session counts once, when it is over, by the
mean of its utterances.

- Shadow: both arms heard the same session, so their difference is one observation.
- Canary: sessions of the same minutes are set against one another. As soon as both arms have ended
  at least one, the difference of the means of those waiting is one observation, in -1..1.

Each metric has two bets (``betting.py``): that the difference is above what is *tolerated* (fails),
and that it is below the *margin* (passes). Over all metrics the chance of a false fail is at most
``alpha``, by Bonferroni's inequality; a pass needs every metric, each at ``beta``, so that what is
worse than any one margin passes with a chance of at most ``beta`` (Berger 1982).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from speechsearch.rollout.betting import Bet
from speechsearch.rollout.router import Arm

Values = Mapping[str, float]
"""Metrics of a session by name, 0..1; one that is not known is left out"""
LOW = -1.0
"""The least that a difference can be"""


class Verdict(StrEnum):
    """What the evidence says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """Wait"""


class Metric(msgspec.Struct, frozen=True):
    """A number of a session in 0..1, and how much of a change matters."""

    name: str
    higher_is_better: bool
    tolerated: float
    """Minimum effect: a change for the worse up to here is not held against the challenger"""
    margin: float
    """A change for the worse that is surely below it is as good as none; above ``tolerated``"""

    def worse_by(self, champion: float, challenger: float) -> float:
        """The change for the worse, -1..1."""
        change = challenger - champion
        return -change if self.higher_is_better else change


SHADOW_METRICS = (
    Metric("word_errors", False, tolerated=0.002, margin=0.012),
    Metric("confidence", True, tolerated=0.05, margin=0.1),
    Metric("empty", False, tolerated=0.01, margin=0.04),
    Metric("zero_results", False, tolerated=0.01, margin=0.04),
    Metric("top_1_wrong", False, tolerated=0.01, margin=0.04),
    Metric("overrun", False, tolerated=0.05, margin=0.2),
)
"""Word errors per word where the words are known (golden, reviewed), else left out. What people
wait for does not count in the shadow, which runs on spare capacity; ``overrun`` does: the work for
an answer, waiting left out, takes longer than a pause lasts."""
CANARY_METRICS = (
    Metric("slow", False, tolerated=0.02, margin=0.1),
    Metric("confidence", True, tolerated=0.05, margin=0.1),
    Metric("empty", False, tolerated=0.01, margin=0.1),
    Metric("zero_results", False, tolerated=0.01, margin=0.1),
    Metric("top_1_wrong", False, tolerated=0.02, margin=0.1),
    Metric("overrun", False, tolerated=0.05, margin=0.2),
)
"""``slow``: share of answers over 500 ms, so that it bounds the p95 where it is below 5 %.
Both arms wait for one model's thread, so that a heavy challenger slows the champion too: it is told
by ``overrun``. ``top_1_wrong``: the person took another hit, spoke again or typed."""


class JudgeOptions(msgspec.Struct, frozen=True):
    """How sure to be, and after how many sessions at the earliest to say ``pass``."""

    metrics: tuple[Metric, ...]
    alpha: float
    """Chance that a challenger no worse than tolerated ever fails"""
    beta: float
    """Chance that one worse than a margin ever passes"""
    fewest_sessions: int
    """Of either arm"""
    fewest_to_fail: int = 20
    """Of the challenger: no one session throws it out"""


class Evidence(msgspec.Struct, frozen=True):
    """What is known of one metric."""

    worse: Bet
    """That the change for the worse is above what is tolerated"""
    harmless: Bet
    """That it is below the margin"""
    observations: int = 0
    sum_worse_by: float = 0.0
    passed: bool = False
    """The evidence for harmless was enough at some moment"""
    peak: float = 0.0
    """The most log evidence for worse that there ever was, nats: a fail stands, however the next
    session goes (Ville's inequality bounds the peak, not only the last value)"""

    def add(self, worse_by: float, beta: float) -> Evidence:
        """With one more difference."""
        worse, harmless = self.worse.add(worse_by), self.harmless.add(-worse_by)
        return Evidence(
            worse,
            harmless,
            self.observations + 1,
            self.sum_worse_by + worse_by,
            self.passed or harmless.log_evidence >= -math.log(beta),
            max(self.peak, worse.log_evidence),
        )


class MetricReport(msgspec.Struct, frozen=True):
    """A metric's verdict with the numbers it rests on; kept in incidents."""

    name: str
    verdict: Verdict
    observations: int
    worse_by: float
    """Mean change for the worse, of observations"""
    log_evidence: float
    """Nats, the most there ever was that it is worse than tolerated"""
    log_needed: float
    """Nats, from which on it fails"""


class Waiting(msgspec.Struct, frozen=True):
    """Sessions of an arm that wait for one of the other, of one metric."""

    count: int = 0
    total: float = 0.0


class Judge(msgspec.Struct, frozen=True):
    """All evidence of one step; immutable, so that it is kept and compared as it is."""

    options: JudgeOptions
    evidence: dict[str, Evidence]
    waiting: dict[str, tuple[Waiting, Waiting]]
    """Of champion and challenger"""
    champion_sessions: int = 0
    challenger_sessions: int = 0

    @classmethod
    def fresh(cls, options: JudgeOptions) -> Judge:
        """Knows nothing yet."""
        return cls(
            options,
            {m.name: Evidence(Bet(m.tolerated, LOW), Bet(-m.margin, LOW)) for m in options.metrics},
            {m.name: (Waiting(), Waiting()) for m in options.metrics},
        )

    def add_pair(self, champion: Values, challenger: Values) -> Judge:
        """A session that both arms have heard."""
        evidence = dict(self.evidence)
        for metric in self.options.metrics:
            if metric.name in champion and metric.name in challenger:
                worse_by = metric.worse_by(champion[metric.name], challenger[metric.name])
                evidence[metric.name] = evidence[metric.name].add(worse_by, self.options.beta)
        return msgspec.structs.replace(
            self,
            evidence=evidence,
            champion_sessions=self.champion_sessions + 1,
            challenger_sessions=self.challenger_sessions + 1,
        )

    def add(self, arm: Arm, session: Values) -> Judge:
        """A session that one arm has answered."""
        of_challenger = arm.answered_by_challenger
        evidence, waiting = dict(self.evidence), dict(self.waiting)
        for metric in self.options.metrics:
            if metric.name not in session:
                continue
            sides = list(waiting[metric.name])
            side = sides[of_challenger]
            sides[of_challenger] = Waiting(side.count + 1, side.total + session[metric.name])
            champion, challenger = sides
            if champion.count and challenger.count:
                means = (champion.total / champion.count, challenger.total / challenger.count)
                worse_by = metric.worse_by(*means)
                evidence[metric.name] = evidence[metric.name].add(worse_by, self.options.beta)
                champion = challenger = Waiting()
            waiting[metric.name] = (champion, challenger)
        return msgspec.structs.replace(
            self,
            evidence=evidence,
            waiting=waiting,
            champion_sessions=self.champion_sessions + (not of_challenger),
            challenger_sessions=self.challenger_sessions + of_challenger,
        )

    @property
    def verdict(self) -> Verdict:
        """Of all metrics: any fail is a fail, a pass needs all of them and enough sessions."""
        verdicts = {report.verdict for report in self.report()}
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        sessions = min(self.champion_sessions, self.challenger_sessions)
        enough = sessions >= self.options.fewest_sessions
        return Verdict.PASS if enough and verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE

    def report(self) -> list[MetricReport]:
        """Every metric of which there is an observation, in the order declared.

        A metric that nobody ever measured (no words known) neither passes nor fails.
        """
        log_needed = math.log(len(self.options.metrics) / self.options.alpha)
        return [
            MetricReport(
                metric.name,
                self._verdict_of(self.evidence[metric.name], log_needed),
                self.evidence[metric.name].observations,
                _mean(self.evidence[metric.name]),
                self.evidence[metric.name].peak,
                log_needed,
            )
            for metric in self.options.metrics
            if self.evidence[metric.name].observations
        ]

    def _verdict_of(self, evidence: Evidence, log_needed: float) -> Verdict:
        sure = evidence.peak >= log_needed
        if sure and self.challenger_sessions >= self.options.fewest_to_fail:
            return Verdict.FAIL
        return Verdict.PASS if evidence.passed else Verdict.INCONCLUSIVE


def session_values(utterances: Sequence[Values]) -> dict[str, float]:
    """What a session counts by: of each metric the mean of the utterances that have it.

    ValueError where a value is outside of 0..1.
    """
    by_name: dict[str, list[float]] = {}
    for utterance in utterances:
        for name, value in utterance.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, it must be in 0..1")
            by_name.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in by_name.items()}


def _mean(evidence: Evidence) -> float:
    return evidence.sum_worse_by / evidence.observations
