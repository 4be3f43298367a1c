"""Prometheus metrics of the server: one observer, plugged into the pipeline.

Labels are stage, model and outcome; never a user or an utterance.
"""

from __future__ import annotations

from copy import copy

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from speechsearch.monitoring.detecting import Costed
from speechsearch.monitoring.series import BUCKETS_S
from speechsearch.types import Result, Utterance


class Metrics:
    """Counts and times what the server does; ``exposition`` is the text for ``/metrics``."""

    def __init__(self, model: str) -> None:
        self.registry = CollectorRegistry()
        self._model = model
        self._stage_s = Histogram(
            "speechsearch_stage_seconds",
            "Time an utterance spent in a stage",
            ("stage", "model"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._utterances = Counter(
            "speechsearch_utterances",
            "Utterances by outcome: hits, no_hits, no_speech or an error code",
            ("outcome", "model"),
            registry=self.registry,
        )
        self._audio_s = Counter(
            "speechsearch_audio_seconds", "Sound decoded", ("model",), registry=self.registry
        )
        self._duration_s = Histogram(
            "speechsearch_utterance_duration_seconds",
            "Length of utterances",
            ("model",),
            buckets=(0.5, 1, 2, 3, 5, 8, 13, 21, 34),
            registry=self.registry,
        )
        self._confidence = Histogram(
            "speechsearch_confidence",
            "Confidence of the best hypothesis",
            ("model",),
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=self.registry,
        )
        self._refused = Counter(
            "speechsearch_errors",
            "Messages and utterances refused, by wire code",
            ("code",),
            registry=self.registry,
        )
        self._speculations = Counter(
            "speechsearch_speculations",
            "Endpoints by what was decoded since the pause: hit = the answer was there, late = "
            "begun, none = nothing; and discarded ones, after which speech went on",
            ("outcome", "model"),
            registry=self.registry,
        )
        self._saved_s = Counter(
            "speechsearch_speculation_saved_seconds",
            "Waiting spared by answers that were there at the endpoint",
            ("model",),
            registry=self.registry,
        )
        self._wasted_s = Counter(
            "speechsearch_speculation_wasted_cpu_seconds",
            "CPU time of discarded speculative answers",
            ("model",),
            registry=self.registry,
        )
        self._allowances = Counter(
            "speechsearch_hangovers",
            "Pauses by the rule that said how long they may last",
            ("reason", "model"),
            registry=self.registry,
        )
        self._repairs = Counter(
            "speechsearch_repairs",
            "Answers that replaced an earlier one: speech had gone on",
            ("model",),
            registry=self.registry,
        )
        self._glimpses = Counter(
            "speechsearch_glimpses",
            "Looks at an utterance still being spoken: shown, or dropped for more urgent work",
            ("outcome", "model"),
            registry=self.registry,
        )
        self._batches = Histogram(
            "speechsearch_batch_utterances",
            "Sounds heard at once",
            ("model",),
            buckets=(1, 2, 4, 8, 16),
            registry=self.registry,
        )
        self._revisions = Counter(
            "speechsearch_revisions",
            "What came of hearing an utterance again: first = in time for the answer, revised or "
            "same = after it, discarded, late, or why the second ear was not believed",
            ("outcome", "ear"),
            registry=self.registry,
        )
        self._ear = ""
        self._feedback = Counter(
            "speechsearch_feedback",
            "What people did with answers: click, redo, typed, abandon",
            ("action", "model"),
            registry=self.registry,
        )
        self._spans = Counter(
            "speechsearch_spans",
            "Spans for OpenTelemetry: exported, or dropped where the collector did not take them",
            ("outcome",),
            registry=self.registry,
        )
        self.connections = Gauge(
            "speechsearch_connections", "Open websockets", registry=self.registry
        )
        self.uploads = Gauge(
            "speechsearch_uploads",
            "Recordings being transcribed",
            registry=self.registry,
        )
        self.detecting = Costed()
        """Told of each frame that the server's detectors hear"""
        self.queued = Gauge(
            "speechsearch_queued_utterances", "Waiting for the model", registry=self.registry
        )

    def of_model(self, model: str) -> Metrics:
        """The same metrics, told of what another model does."""
        other = copy(self)
        other._model = model
        return other

    def stage(self, name: str, ms: float) -> None:
        """A stage took ``ms``."""
        self._stage_s.labels(name, self._model).observe(ms / 1000)

    def batched(self, sounds: int) -> None:
        """So many sounds were heard at once."""
        self._batches.labels(self._model).observe(sounds)

    def answered(self, utterance: Utterance, result: Result) -> None:
        """An utterance has its result."""
        outcome = "hits" if result.hits else "no_hits" if result.hypotheses else "no_speech"
        self._utterances.labels(outcome, self._model).inc()
        if result.continues is not None:
            self._repairs.labels(self._model).inc()
        self._audio_s.labels(self._model).inc(utterance.duration_ms / 1000)
        self._duration_s.labels(self._model).observe(utterance.duration_ms / 1000)
        if result.hypotheses:
            self._confidence.labels(self._model).observe(result.hypotheses[0].confidence)

    def refused(self, code: str) -> None:
        """Something was refused with a wire code."""
        self._refused.labels(code).inc()

    def speculated(self, outcome: str) -> None:
        """An endpoint met a speculative answer: ``hit``, ``late`` or ``none``."""
        self._speculations.labels(outcome, self._model).inc()

    def saved(self, ms: float) -> None:
        """An answer was there so much sooner."""
        self._saved_s.labels(self._model).inc(ms / 1000)

    def wasted(self, cpu_s: float) -> None:
        """A speculative answer was for nothing."""
        self._speculations.labels("discarded", self._model).inc()
        self._wasted_s.labels(self._model).inc(cpu_s)

    def allowed(self, reason: str) -> None:
        """A pause was told how long it may last."""
        self._allowances.labels(reason, self._model).inc()

    def glimpsed(self, outcome: str) -> None:
        """A partial transcript was ``shown`` or ``dropped``."""
        self._glimpses.labels(outcome, self._model).inc()

    def second_ear(self, name: str) -> None:
        """There is a second ear."""
        self._ear = name

    def revised(self, outcome: str) -> None:
        """An utterance that was heard again is settled."""
        self._revisions.labels(outcome, self._ear).inc()

    def told(self, action: str) -> None:
        """A person did something with an answer."""
        self._feedback.labels(action, self._model).inc()

    def traced(self, outcome: str, spans: int) -> None:
        """So many spans were ``exported`` or ``dropped``; from any thread."""
        self._spans.labels(outcome).inc(spans)

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
