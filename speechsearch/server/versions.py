"""Versions of the pipeline as this server makes them: named after their settings, loaded from them.

A version's settings are five sections of the settings tree; the rest (addresses, folders, limits)
is the server's own and stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from speechsearch.asr.folder import find_model
from speechsearch.config import Settings, load_settings
from speechsearch.pipeline import Pipeline
from speechsearch.rollout.version import (
    Lineage,
    Part,
    PipelineVersion,
    Sections,
    settings_part,
)
from speechsearch.search.versions import MANIFEST, version_in_use
from speechsearch.server.rollout_files import RolloutFiles
from speechsearch.vad.segmenter import Segmenter

SECTIONS = ("detector", "vad", "turns", "asr", "search")
HEARING = ("model", "engine", "device", "threads")
READING = ("decoder", "second_pass")


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A version in memory, ready to answer."""

    settings: Settings
    pipeline: Pipeline
    segmenter: Callable[[], Segmenter]
    """Makes one for a session whose utterances the server finds; the same object in all versions
    that find them alike"""

    def shares_finder_with(self, settings: Settings) -> bool:
        """Whether other settings search the same index, read and ranked the same way."""
        mine, theirs = self.settings, settings
        same_reading = all(getattr(mine.asr, n) == getattr(theirs.asr, n) for n in READING)
        return same_reading and mine.search == theirs.search

    def listens_as(self, settings: Settings) -> bool:
        """Whether other settings find the same utterances."""
        return self.settings.detector == settings.detector and self.settings.vad == settings.vad


def sections_of(settings: Settings) -> Sections:
    """What of the settings decides an answer."""
    return {name: _plain(asdict(getattr(settings, name))) for name in SECTIONS}


def with_sections(settings: Settings, sections: Sections) -> Settings:
    """The settings with these values; raises ConfigError that names the one at fault."""
    merged = sections_of(settings)
    for name, values in sections.items():
        merged[name] = {**merged.get(name, {}), **values}
    read = load_settings(**merged)
    return settings.model_copy(update={name: getattr(read, name) for name in SECTIONS})


def champion_settings(settings: Settings, files: RolloutFiles) -> Settings:
    """Those of the version that answers by the state of the rollouts; raises RolloutError."""
    champion = files.store.load().champion
    return with_sections(settings, files.registry.get(champion).settings) if champion else settings


def version_of(settings: Settings, index: Path, parent: PipelineVersion | None) -> PipelineVersion:
    """The version that these settings make; ``index``: the folder that they search.

    Parts that have the settings of ``parent``'s are ``parent``'s: an index that has been updated
    since is still the same part. Raises ModelError, SearchIndexError.
    """
    sections = sections_of(settings)
    asr, search = sections["asr"], sections["search"]
    folder = find_model(settings.asr.model, settings.model_dirs)
    hearing = {"asr": {name: asr[name] for name in HEARING}}
    where = {"search": {"index": search["index"]}}
    parts = {
        "vad": settings_part(
            settings.detector.engine,
            {name: sections[name] for name in ("detector", "vad", "turns")},
        ),
        "model": Part(folder.info.label, _sha256(folder.info.sha256.encode(), hearing), hearing),
        "decoder": settings_part(asr["decoder"], {"asr": {name: asr[name] for name in READING}}),
        "index": Part(
            index.name, _sha256((version_in_use(index) / MANIFEST).read_bytes(), where), where
        ),
        "ranking": settings_part(
            search["mode"], {"search": {name: search[name] for name in ("limit", "mode")}}
        ),
    }
    for name, part in (parent.parts if parent else {}).items():
        if name != "model" and part.settings == parts[name].settings:
            parts[name] = part
    return PipelineVersion(
        vad=parts["vad"],
        model=parts["model"],
        decoder=parts["decoder"],
        index=parts["index"],
        ranking=parts["ranking"],
        lineage=Lineage(parent=parent.id if parent else ""),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON would bring it back."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(values))
    return plain


def _sha256(content: bytes, settings: Sections) -> str:
    settings_json = msgspec.json.encode(settings, order="sorted")
    return hashlib.sha256(content + b"\n" + settings_json).hexdigest()
