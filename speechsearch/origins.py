"""Where a setting comes from: the command line, the environment, a file, a default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFAULT = "default"
COMMAND_LINE = "command line"
ENVIRONMENT = "environment"


def origins(
    path: tuple[str, ...],
    overrides: Mapping[str, Any],
    file: Path | None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Of each name in the table at ``path`` that somebody set; the strongest source counts."""
    found: dict[str, str] = {}
    if file is not None:
        found |= dict.fromkeys(_at(tomllib.loads(file.read_text()), path), str(file))
    found |= dict.fromkeys(_named(path, environment or os.environ), ENVIRONMENT)
    return found | dict.fromkeys(_at(overrides, path), COMMAND_LINE)


def _at(tree: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    here: Any = tree
    for name in path:
        here = here.get(name) if isinstance(here, Mapping) else None
    return list(here) if isinstance(here, Mapping) else []


def _named(path: tuple[str, ...], environment: Mapping[str, str]) -> list[str]:
    prefix = f"SPEECHSEARCH_{'__'.join(path)}__".upper()
    return [
        name[len(prefix) :].split("__")[0].lower()
        for name in environment
        if name.upper().startswith(prefix)
    ]
