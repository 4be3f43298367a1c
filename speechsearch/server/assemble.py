"""From settings to a running pipeline: the model, the index, the observer."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from starlette.applications import Starlette

from speechsearch import automation
from speechsearch.asr.beam import BeamDecoder
from speechsearch.asr.engines import Chosen, engine_for, load_model
from speechsearch.asr.folder import ModelFolder, find_model
from speechsearch.asr.model import ModelInfo
from speechsearch.asr.ngram_file import load_ngram
from speechsearch.asr.second_ear import chosen_second_ear, open_second_ear
from speechsearch.config import (
    PRIVATE_SERVER_ENV,
    Settings,
    cache_dir,
    data_dir,
    default_models_dir,
)
from speechsearch.errors import FolderInUse
from speechsearch.monitoring.detecting import Costed
from speechsearch.monitoring.metrics import Metrics
from speechsearch.monitoring.watch import Watch
from speechsearch.monitoring.witness import Facts
from speechsearch.pipeline import Finder, Pipeline, PipelineOptions
from speechsearch.search.catalogue import demo_catalogue, read_catalogue
from speechsearch.search.embedded import SCHEMA_VERSION, build_index
from speechsearch.search.index import Index
from speechsearch.search.live import Live
from speechsearch.search.ranking import Ranker, RankingOptions
from speechsearch.search.spelling import spellings
from speechsearch.search.versions import CURRENT
from speechsearch.server.answers import Answers
from speechsearch.server.app import Beside, create_app
from speechsearch.server.automated import Automations
from speechsearch.server.observing import Catalogue
from speechsearch.server.rollout_files import open_rollout_files
from speechsearch.server.second_pass import SecondPass
from speechsearch.server.versions import HEARING, Loaded, champion_settings
from speechsearch.tracing.export import open_exporter
from speechsearch.tracing.spans import Traces, Untraced
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
    """Load everything that ``settings`` name, or where versions are rolled out the champion.

    Raises ConfigError, ModelError, SearchIndexError, RolloutError.
    """
    pipeline_options(settings)
    files = open_rollout_files(settings)
    champion = champion_settings(settings, files) if files else settings
    second = second_pass(pipeline_options(champion).second_pass)
    metrics = Metrics(_model_folder(champion).info.label)
    live = load(champion, metrics)
    if second:
        metrics.second_ear(second.name)
    answers = Answers(live.pipeline, metrics, settings.server, second=second)
    watch = _watch(champion, answers, metrics)
    automations = Automations(automation.Catalogue.of(settings))
    if files is None:
        beside = Beside(watch=watch, automations=automations)
        return create_app(answers, metrics, settings.server, live.segmenter, beside)
    from speechsearch.server.rollouts import Rollouts

    make = partial(load, metrics=metrics)
    rollouts = Rollouts(settings, files, live, make, index_folder)
    beside = Beside(rollouts, watch, automations)
    return create_app(answers, metrics, settings.server, rollouts.segmenter, beside)


def second_pass(name: str) -> SecondPass | None:
    """The second ear of this name, being loaded; its ``name`` waits for that.

    It is the server's, whichever version answers.
    """
    if name == ONE_EAR:
        return None
    return SecondPass(lambda: open_second_ear(name, cache_dir()))


def index_folder(settings: Settings) -> Path:
    """The index that is searched by these settings."""
    return Path(settings.search.index) if settings.search.index else demo_index()


def _model_folder(settings: Settings) -> ModelFolder:
    return find_model(settings.asr.model, settings.model_dirs)


def load(settings: Settings, metrics: Metrics, beside: Loaded | None = None) -> Loaded:
    """A version ready to answer; what it has in common with the one ``beside`` is there once.

    Raises ConfigError, ModelError, SearchIndexError.
    """
    options, folder = pipeline_options(settings), _model_folder(settings)
    alike = beside and all(
        getattr(beside.settings.asr, name) == getattr(settings.asr, name) for name in HEARING
    )
    if beside and alike:
        model = beside.pipeline.model
    else:
        chosen = engine_for(folder, settings.asr.engine, settings.asr.device)
        model = load_model(folder, chosen, threads_of(settings))
    same_letters = beside and beside.pipeline.model.info.vocabulary == model.info.vocabulary
    if beside and same_letters and beside.shares_finder_with(settings):
        find = beside.pipeline.finder
    else:
        find = _finder(settings, options, model.info)
    pipeline = Pipeline(model, find, options=options, observer=metrics.of_model(model.info.label))
    if beside and beside.listens_as(settings):
        return Loaded(settings, pipeline, beside.segmenter)
    return Loaded(settings, pipeline, partial(_segmenter, settings, metrics.detecting))


def _finder(settings: Settings, options: PipelineOptions, info: ModelInfo) -> Callable[[], Finder]:
    beams: list[BeamDecoder] = []

    def finder(index: Index) -> Finder:
        if not beams and options.decoder is Decoder.BEAM:
            beams.append(_beam(settings, info, index))
        return Finder(_ranker(settings, info, index), *beams).warm_up()

    return Live(index_folder(settings), finder).current


def _watch(settings: Settings, answers: Answers, metrics: Metrics) -> Watch | None:
    """The observer; a private server, which ends with its client, keeps no history."""
    options = settings.monitoring
    if not options.enabled:
        return None
    if options.folder is None and not os.environ.get(PRIVATE_SERVER_ENV):
        options = replace(options, folder=data_dir() / "monitoring")
    traces = _traces(settings, metrics)
    catalogue = Catalogue(lambda: answers.pipeline.finder())  # noqa: PLW0108 - whichever answers then
    facts = Facts(answers.pipeline.model.info, catalogue, metrics.registry, traces)
    try:
        watch = Watch(facts, options)
    except FolderInUse as error:
        logging.getLogger("speechsearch.monitoring").warning("no history is kept: %s", error)
        watch = Watch(facts, replace(options, folder=None))
    watch.gauges["vad_cpu_share"] = metrics.detecting.share
    return watch


def _traces(settings: Settings, metrics: Metrics) -> Traces:
    """Where the server's spans go; raises ConfigError where the extra is not installed."""
    if not settings.tracing.endpoint:
        return Untraced()
    return open_exporter(settings.tracing, "speechsearch-server", metrics.traced)


def _segmenter(settings: Settings, cost: Costed) -> Segmenter:
    """A fresh one, as clients with the same settings have it."""
    chosen = settings.detector
    detector = build_detector(chosen.engine, settings.models_dir, chosen.webrtc_aggressiveness)
    return Segmenter(cost.wrap(detector), settings.vad)


def _ranker(settings: Settings, info: ModelInfo, index: Index) -> Ranker:
    letters = info.vocabulary
    return Ranker(
        index,
        {**letters.ids, " ": letters.delimiter_id},
        RankingOptions(limit=settings.search.limit, blank=letters.blank_id),
    )
