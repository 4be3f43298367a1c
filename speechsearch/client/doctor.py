"""What is here, what is missing, and how to get it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from speechsearch.asr.engines import engine_for
from speechsearch.asr.folder import find_model
from speechsearch.audio.capture import input_devices
from speechsearch.client.private import is_ready
from speechsearch.config import Settings
from speechsearch.errors import DeviceError, ModelError, SpeechsearchError
from speechsearch.search.embedded import EmbeddedIndex
from speechsearch.vad.build import build_detector


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    well: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the product needs, in the order of the data path."""
    checks: dict[str, Callable[[Settings], str]] = {
        "python": _python,
        "microphone": _microphone,
        "microphone level": _mute,
        "speech detector": _detector,
        "acoustic model": _model,
        "engine": _engine,
        "index": _index,
        "server": _server,
    }
    for what, check in checks.items():
        try:
            yield Finding(what, True, check(settings))
        except SpeechsearchError as error:
            yield Finding(what, False, str(error))


def _python(_: Settings) -> str:
    return f"{platform.python_version()} at {sys.executable}"


def _microphone(_: Settings) -> str:
    found = input_devices()
    if not found:
        raise DeviceError(
            "none found",
            hint="Plug one in; in a container hand in the sound socket; "
            "without one: speechsearch query FILE",
        )
    return ", ".join(device.name for device in found)


def _mute(_: Settings) -> str:
    """Ask PulseAudio or PipeWire, where one runs, whether the source is muted."""
    pactl = shutil.which("pactl")
    if pactl is None:
        return "cannot be asked (pactl is not installed)"
    answer = subprocess.run(  # noqa: S603
        [pactl, "get-source-mute", "@DEFAULT_SOURCE@"],
        capture_output=True, text=True, timeout=5, check=False,
    )  # fmt: skip
    if answer.returncode:
        return "no sound server answers"
    if "yes" in answer.stdout.lower():
        raise DeviceError(
            "the default microphone is muted",
            hint="pactl set-source-mute @DEFAULT_SOURCE@ 0",
        )
    return "not muted"


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


def _index(settings: Settings) -> str:
    if not settings.search.index:
        return "the demo books"
    return f"{len(EmbeddedIndex.open(Path(settings.search.index)))} entries"


def _server(settings: Settings) -> str:
    where = f"{settings.server.host}:{settings.server.port}"
    if is_ready(settings.server.host, settings.server.port):
        return f"ready at {where}"
    return f"none at {where}; listen and query start their own"
