"""What is here, what is missing, and how to get it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from speechsearch.asr.engines import engine_for
from speechsearch.asr.folder import find_model
from speechsearch.asr.second_ear import best_hint, chosen_second_ear, open_second_ear
from speechsearch.client.doctor_sound import examine_sound
from speechsearch.client.finding import Finding
from speechsearch.client.private import is_ready
from speechsearch.config import Settings, cache_dir
from speechsearch.errors import ModelError, SpeechsearchError
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.types import BEST_EARS, ONE_EAR
from speechsearch.vad.build import build_detector


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the product needs, in the order of the data path."""
    yield Finding("python", True, f"{platform.python_version()} at {sys.executable}")
    yield from examine_sound()
    checks: dict[str, Callable[[Settings], str]] = {
        "speech detector": _detector,
        "acoustic model": _model,
        "engine": _engine,
        "second ear": _second_ear,
        "index": _index,
        "server": _server,
    }
    for what, check in checks.items():
        try:
            yield Finding(what, True, check(settings))
        except SpeechsearchError as error:
            yield Finding(what, False, str(error))


def _detector(settings: Settings) -> str:
    chosen = settings.detector
    return build_detector(chosen.engine, settings.models_dir, chosen.webrtc_aggressiveness).name


def _model(settings: Settings) -> str:
    folder = find_model(settings.asr.model, settings.model_dirs)
    folder.verify()
    return f"{folder.manifest.name} {folder.manifest.version}, whole"


def _engine(settings: Settings) -> str:
    folder = find_model(settings.asr.model, settings.model_dirs)
    chosen = engine_for(folder, settings.asr.engine, settings.asr.device)
    if chosen.notice:
        raise ModelError(chosen.notice, hint="asr.device = auto asks for a GPU only where one is")
    return str(chosen)


def _second_ear(settings: Settings) -> str:
    wanted = settings.asr.second_pass
    name = chosen_second_ear(wanted)
    if name == ONE_EAR and wanted == BEST_EARS:
        return f"none; the first one writes. {best_hint()}"
    if name == ONE_EAR:
        return "none, as asked (asr.second_pass)"
    return f"{open_second_ear(name, cache_dir()).name}, whole"


def _index(settings: Settings) -> str:
    if not settings.search.index:
        return "the demo books"
    return f"{len(EmbeddedIndex.open(Path(settings.search.index)))} entries"


def _server(settings: Settings) -> str:
    where = f"{settings.server.host}:{settings.server.port}"
    if is_ready(settings.server.host, settings.server.port):
        return f"ready at {where}"
    return f"none at {where}; listen and query start their own"
