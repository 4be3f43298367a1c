"""The one door to whoever exports spans: none is loaded where none is wanted."""

from __future__ import annotations

import atexit
import functools
import importlib.util
from typing import TYPE_CHECKING

from speechsearch import __version__
from speechsearch.errors import ConfigError
from speechsearch.tracing.options import TracingOptions
from speechsearch.tracing.spans import Traces, Untraced

if TYPE_CHECKING:
    from speechsearch.tracing.otlp import Counted, Exporter


def open_exporter(
    options: TracingOptions, service: str, counted: Counted | None = None
) -> Exporter:
    """To the endpoint of ``options``; raises ConfigError where the extra is not installed."""
    if importlib.util.find_spec("opentelemetry") is None:
        raise ConfigError(
            "tracing.endpoint is set, but OpenTelemetry is not installed",
            hint="pip install 'speechsearch[otel]'",
        )
    from speechsearch.tracing.otlp import Exporter

    return Exporter(options, service, __version__, counted)


@functools.cache
def traces_of(options: TracingOptions) -> Traces:
    """A client's: one for the process, closed at its end. Raises as ``open_exporter``."""
    if not options.endpoint:
        return Untraced()
    exporter = open_exporter(options, "speechsearch-client")
    atexit.register(exporter.close)
    return exporter
