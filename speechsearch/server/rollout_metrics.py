"""What Prometheus is told of a rollout, read when it asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from speechsearch.rollout.state import Phase

if TYPE_CHECKING:
    from speechsearch.server.rollouts import Rollouts


class RolloutMetrics(Collector):
    """Labels are arm, phase and outcome; never a session."""

    def __init__(self, registry: CollectorRegistry, rollouts: Rollouts) -> None:
        self._rollouts = rollouts
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        state, mirror = self._rollouts.state, self._rollouts.mirror
        phase = GaugeMetricFamily(
            "speechsearch_rollout_phase", "1 for the phase that lasts", labels=("phase",)
        )
        for one in Phase:
            phase.add_metric((one.value,), float(one is state.phase))
        yield phase
        share = GaugeMetricFamily(
            "speechsearch_rollout_share", "Share of the sessions, 0..1", labels=("arm",)
        )
        for arm, part in state.shares.by_arm.items():
            share.add_metric((arm.value,), part)
        yield share
        shadows = CounterMetricFamily(
            "speechsearch_shadow_utterances",
            "Utterances for the shadow: heard too, or dropped for want of capacity",
            labels=("outcome",),
        )
        shadows.add_metric(("heard",), mirror.mirrored)
        shadows.add_metric(("dropped",), mirror.dropped)
        yield shadows
        compared = GaugeMetricFamily(
            "speechsearch_shadow_compared",
            "Means over the utterances that both arms of this rollout have heard",
            labels=("measure",),
        )
        for name, mean in state.compared.means.items():
            compared.add_metric((name,), mean)
        yield compared
