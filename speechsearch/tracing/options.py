"""Where spans go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from speechsearch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TracingOptions:
    """Off unless an endpoint is named; server and client each export their own spans."""

    endpoint: str = ""
    """OTLP over HTTP, the whole address: ``http://localhost:4318/v1/traces``"""
    headers: str = ""
    """``name=value,name=value``, as OTEL_EXPORTER_OTLP_HEADERS has them: a collector's key"""
    timeout_s: float = 5.0
    """Of one request; what cannot be delivered within it is dropped"""
    most_waiting: int = 2048
    """Spans that may wait for the collector; more are dropped and counted"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.endpoint and not self.endpoint.startswith(("http://", "https://")):
            raise ConfigError(
                f"tracing.endpoint {self.endpoint!r} is no http address",
                hint="http://localhost:4318/v1/traces",
            )
        if self.timeout_s <= 0 or self.most_waiting < 1:
            raise ConfigError("tracing needs timeout_s above 0 and most_waiting of 1 or more")
        if any("=" not in one for one in self.pairs):
            raise ConfigError("tracing.headers is not name=value,name=value")

    @property
    def pairs(self) -> tuple[str, ...]:
        """Each ``name=value``."""
        return tuple(one.strip() for one in self.headers.split(",") if one.strip())
