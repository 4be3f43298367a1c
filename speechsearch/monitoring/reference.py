"""What traffic was like when a model version was frozen: what drift is told from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from speechsearch.errors import ConfigError
from speechsearch.monitoring.distances import Floats, Ints, quantile_edges
from speechsearch.monitoring.observation import METRICS, Observation, Versions

SCHEMA = 1
LEAST_SESSIONS = 4
"""Fewer people do not show how much people differ"""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceProfile:
    """Never changes; belongs to the versions it was made with. Sessions are numbers, not names."""

    values: Floats
    """[utterances, METRICS]"""
    pooled: Floats
    """[utterances, pooled features]"""
    sessions: Ints
    """[utterances], from 0"""
    versions: Versions

    @classmethod
    def of(cls, observations: Sequence[Observation]) -> ReferenceProfile:
        """Freeze them; raises ConfigError for fewer than LEAST_SESSIONS sessions."""
        names = {name: n for n, name in enumerate(dict.fromkeys(o.session for o in observations))}
        enough(len(names))
        return cls(
            values=np.array([one.values() for one in observations]),
            pooled=np.array([one.pooled for one in observations], np.float64),
            sessions=np.array([names[one.session] for one in observations], np.int64),
            versions=observations[-1].versions,
        )

    @property
    def edges(self) -> tuple[Floats, ...]:
        """Of the quantile bins of each metric."""
        return tuple(quantile_edges(column) for column in self.values.T)

    def save(self, path: Path) -> None:
        """Write it as ``.npz``."""
        versions = {one.name: getattr(self.versions, one.name) for one in fields(Versions)}
        about = {"schema": SCHEMA, "metrics": _NAMES, "versions": versions}
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                values=self.values,
                pooled=self.pooled,
                sessions=self.sessions,
                about=np.array(json.dumps(about)),
            )

    @classmethod
    def load(cls, path: Path) -> ReferenceProfile:
        """Read it; raises ConfigError where it is missing, damaged or of other metrics."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                versions = Versions(**about["versions"])
                read = cls(kept["values"], kept["pooled"], kept["sessions"], versions)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"the reference profile {path} cannot be used: {error}", hint="Freeze it anew"
            ) from error
        if (about.get("schema"), about.get("metrics")) != (SCHEMA, _NAMES):
            raise ConfigError(
                f"the reference profile {path} holds other metrics", hint="Freeze it anew"
            )
        return read


def enough(sessions: int) -> None:
    """Raises ConfigError for so few that they are no reference."""
    if sessions < LEAST_SESSIONS:
        raise ConfigError(
            f"only {sessions} speakers or sessions in the reference",
            hint=f"It takes {LEAST_SESSIONS}: what one person says is alike",
        )


_NAMES = [metric.name for metric in METRICS]
