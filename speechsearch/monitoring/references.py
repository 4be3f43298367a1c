"""Drift where models change: each is compared with its own reference, once that is frozen.

Until then the new model's traffic is compared with the reference of the one before, so that what
the change did is seen and named; then the alarms of the old comparison are over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speechsearch.monitoring.alarms import Alarm
from speechsearch.monitoring.drifting import Drift, DriftOptions
from speechsearch.monitoring.observation import Observation


class References:
    """``update`` with each observation; ``folder`` None keeps no reference."""

    def __init__(self, folder: Path | None, model: str, options: DriftOptions | None = None):
        self._folder, self._options = folder, options
        self._model = model
        self._now = Drift(folder, model, options)
        self._coming: tuple[str, Drift] | None = None
        self.replaced = False
        """Whether the newest observation brought another reference into force"""

    def update(self, observation: Observation) -> list[Alarm]:
        """What is raised at it."""
        self.replaced = False
        self._follow(observation.versions.model or self._model)
        if self._coming:
            self._coming[1].update(observation)
            self._replace()
            if self.replaced:
                return []
        return self._now.update(observation)

    @property
    def calm(self) -> frozenset[str]:
        """Metrics whose alarms are over."""
        return self._now.calm

    def state(self) -> dict[str, Any]:
        """For the dashboard: how far each feature lies from the reference, and whose that is."""
        state = {**self._now.state(), "model": self._model, "coming": None}
        if self._coming:
            model, drift = self._coming
            of_it = drift.state()
            state["coming"] = {
                "model": model, "collected": of_it["collected"], "wanted": of_it["wanted"],
            }  # fmt: skip
        return state

    def _follow(self, model: str) -> None:
        if model == self._model:
            self._coming = None
        elif self._coming is None or self._coming[0] != model:
            self._coming = (model, Drift(self._folder, model, self._options))

    def _replace(self) -> None:
        """By what is frozen; also where the old one had nothing frozen to compare with."""
        if self._coming and (self._coming[1].reference or self._now.reference is None):
            (self._model, self._now), self._coming = self._coming, None
            self.replaced = True
