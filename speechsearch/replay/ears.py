"""Rows of traffic to observations: the pipeline for the settings in force, and its cache."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from speechsearch.asr.folder import find_model
from speechsearch.asr.second_ear import SecondEar, chosen_second_ear, open_second_ear
from speechsearch.audio.player import read_audio
from speechsearch.config import Settings, cache_dir
from speechsearch.errors import AudioFileError
from speechsearch.monitoring.metrics import Metrics
from speechsearch.monitoring.observation import Versions, observe
from speechsearch.pipeline import Pipeline
from speechsearch.replay.cache import Outcome, OutcomeCache, code_digest, digest
from speechsearch.replay.changes import Sounding, vad_label
from speechsearch.replay.hearing import hear
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.search.spelling import spellings
from speechsearch.server.assemble import index_folder, load
from speechsearch.types import ONE_EAR


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance of recorded traffic."""

    path: Path
    session: str
    """The speaker"""
    sound: tuple[Sounding, ...] = ()
    """What is done to it"""


class Ears:
    """Hears with one set of settings; model and index are loaded where something is not cached."""

    def __init__(self, settings: Settings, cache: OutcomeCache) -> None:
        """Raises ModelError, SearchIndexError where they are not there."""
        self._settings = settings
        self._cache = cache
        self._second_name = chosen_second_ear(settings.asr.second_pass)
        index = index_folder(settings)
        titles = hashlib.sha256()
        self._known_words: set[str] = set()
        for entry in EmbeddedIndex.open(index).entries:
            titles.update(repr((entry.id, entry.title, entry.aliases)).encode())
            for spelling in spellings(entry.title, entry.aliases):
                self._known_words.update(spelling.split())
        about = find_model(settings.asr.model, settings.model_dirs).manifest
        self.versions = Versions(
            vad=vad_label(settings),
            model=f"{about.name}@{about.version}",
            catalogue=f"{index.name}@{titles.hexdigest()[:8]}",
        )
        self._key = digest(
            code_digest(), titles.hexdigest(), about.version, about.files, settings.detector,
            settings.vad, settings.turns, settings.asr.decoder, settings.search.mode,
            settings.search.limit, self._second_name,
        )  # fmt: skip

    def hear(self, said: Said) -> Outcome:
        """What comes of it; raises AudioFileError where it cannot be read."""
        try:
            content = hashlib.sha256(said.path.read_bytes()).hexdigest()
        except OSError as error:
            raise AudioFileError(f"{said.path} cannot be read: {error}") from error
        sound = [asdict(one) for one in said.sound]
        kept = self._cache.get(
            digest(self._key, content, sound), lambda: self._hear(said, int(content[:8], 16))
        )
        known = replace(kept.observation, session=said.session, versions=self.versions)
        return replace(kept, observation=known)

    def _hear(self, said: Said, seed: int) -> Outcome:
        samples = read_audio(said.path)
        for change in said.sound:
            samples = change.apply(samples, seed)
        passed = hear(samples, self._pipeline, self._settings, self._second)
        info = self._pipeline.model.info
        hits = next((one.result.hits for one in reversed(passed.parts) if one.result.hits), ())
        return Outcome(
            observe(passed, said.session, self.versions, info, self._known_words),
            hits[0].title if hits else "",
        )

    @cached_property
    def _pipeline(self) -> Pipeline:
        return load(self._settings, Metrics(self.versions.model)).pipeline

    @cached_property
    def _second(self) -> SecondEar | None:
        name = self._second_name
        return None if name == ONE_EAR else open_second_ear(name, cache_dir())
