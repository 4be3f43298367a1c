"""From settings to a running pipeline: the model, the index, the observer."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from starlette.applications import Starlette

from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.engines import Chosen, engine_for, load_model
from speechsearch.asr.folder import find_model
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.ngram_file import load_ngram
from speechsearch.asr.second_ear import chosen_second_ear, open_second_ear
from speechsearch.config import Settings, cache_dir, default_models_dir
from speechsearch.monitoring.metrics import Metrics
from speechsearch.pipeline import Finder, Pipeline, PipelineOptions
from speechsearch.search.catalogue import demo_catalogue, read_catalogue
from speechsearch.search.embedded import SCHEMA_VERSION, build_index
from speechsearch.search.index import Index
from speechsearch.search.live import Live
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.search.spelling import spellings
from speechsearch.search.versions import CURRENT
from speechsearch.server.app import create_app
from speechsearch.server.second_pass import SecondPass
from speechsearch.types import ONE_EAR, Decoder
from speechsearch.vad.build import build_detector
from speechsearch.vad.segmenter import Segmenter

ENGLISH = Path("english-words") / "words.npz"
MOST_THREADS = 2
MOST_ENTRIES_NAMED = 50_000
"""Of a larger catalogue the decoder knows no words but those of the language"""


def demo_index() -> Path:
    """The demo catalogue's index; built in the cache when it is not there yet."""
    catalogue = demo_catalogue()
    version = hashlib.sha256(catalogue.read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"demo-{version}-{SCHEMA_VERSION}"
    if not (folder / CURRENT).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        build_index(read_catalogue(catalogue).entries, folder)
    return folder


def threads_of(settings: Settings) -> int:
    """As the settings want it, or one for each core that this process may use, two at most."""
    affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
    return settings.asr.threads or min(MOST_THREADS, cores)


def pipeline_options(settings: Settings) -> PipelineOptions:
    """How the settings want the pipeline; raises ConfigError for what this version has not."""
    return PipelineOptions(
        decoder=settings.asr.decoder,
        search=settings.search.mode,
        second_pass=chosen_second_ear(settings.asr.second_pass),
        post_roll_ms=settings.vad.post_roll_ms,
        turns=settings.turns,
    )


def chosen_engine(settings: Settings) -> Chosen:
    """What hears by these settings; raises ModelError where it cannot be had."""
    folder = find_model(settings.asr.model, settings.model_dirs)
    return engine_for(folder, settings.asr.engine, settings.asr.device)


def _beam(settings: Settings, info: ModelInfo, index: Index) -> BeamDecoder:
    """The decoder with the language model that is shipped, and the catalogue's own words.

    Made once: the words of entries that come later are read by the titles that were found.
    """
    words: set[str] = set()
    if len(index) <= MOST_ENTRIES_NAMED:
        for entry in index.entries:
            for title in spellings(entry.title, entry.aliases):
                words.update(title.split())
    folders = (settings.models_dir, default_models_dir())
    shipped = [path for folder in folders if (path := folder / ENGLISH).exists()]
    return BeamDecoder(info.vocabulary, info.timing, load_ngram((shipped or [ENGLISH])[0]), words)


def build_app(settings: Settings) -> Starlette:
    """Load everything that ``settings`` name; raises ConfigError, ModelError, SearchIndexError."""
    options = pipeline_options(settings)
    second = second_pass(options.second_pass)
    folder = find_model(settings.asr.model, settings.model_dirs)
    chosen = engine_for(folder, settings.asr.engine, settings.asr.device)
    model = load_model(folder, chosen, threads_of(settings))
    metrics = Metrics(model.info.label)
    where = Path(settings.search.index) if settings.search.index else demo_index()
    beams: list[BeamDecoder] = []

    def finder(index: Index) -> Finder:
        if not beams and options.decoder is Decoder.BEAM:
            beams.append(_beam(settings, model.info, index))
        return Finder(_ranker(settings, model.info, index), *beams).warm_up()

    pipeline = Pipeline(model, Live(where, finder).current, options=options, observer=metrics)
    if second:
        metrics.second_ear(second.name)
    return create_app(pipeline, metrics, settings.server, lambda: _segmenter(settings), second)


def second_pass(name: str) -> SecondPass | None:
    """The second ear of this name, being loaded; its ``name`` waits for that."""
    if name == ONE_EAR:
        return None
    return SecondPass(lambda: open_second_ear(name, cache_dir()))


def _segmenter(settings: Settings) -> Segmenter:
    """A fresh one, as clients with the same settings have it."""
    chosen = settings.detector
    detector = build_detector(chosen.engine, settings.models_dir, chosen.webrtc_aggressiveness)
    return Segmenter(detector, settings.vad)


def _ranker(settings: Settings, info: ModelInfo, index: Index) -> Ranker:
    letters = info.vocabulary
    return Ranker(
        index,
        {**letters.ids, " ": letters.delimiter_id},
        RankingOptions(limit=settings.search.limit, blank=letters.blank_id),
    )
