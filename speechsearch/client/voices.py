"""Puts a voice together: the same detector, endpointer and socket for every door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from speechsearch.audio.player import Player, read_audio
from speechsearch.audio.samples import mono_16k
from speechsearch.audio.source import Source
from speechsearch.client.connection import Connection
from speechsearch.client.traces import ClientTraces
from speechsearch.client.voice import Voice
from speechsearch.config import Settings
from speechsearch.tracing.export import traces_of
from speechsearch.vad.build import build_detector
from speechsearch.vad.detector import Detector
from speechsearch.vad.endpointer import EndpointerOptions
from speechsearch.vad.segmenter import Segmenter


def detector_of(settings: Settings) -> Detector:
    """A fresh detector as the settings want it."""
    chosen = settings.detector
    return build_detector(chosen.engine, settings.models_dir, chosen.webrtc_aggressiveness)


def tail_s(settings: Settings) -> float:
    """How long the noise floor goes on after a recording: enough for any endpoint."""
    return settings.vad.tail_ms / 1000


def player_of(
    sound: str | Path | npt.NDArray[Any], rate_hz: int, settings: Settings, speed: float
) -> Player:
    """Plays a file, or samples at ``rate_hz``; raises AudioError."""
    if isinstance(sound, np.ndarray):
        samples, name = mono_16k(sound, rate_hz), "samples"
    else:
        samples, name = read_audio(Path(sound)), str(sound)
    return Player(samples, name=name, speed=speed, tail_s=tail_s(settings))


def live_voice(
    source: Source, connection: Connection, settings: Settings, *, hold: bool = False
) -> Voice:
    """A person who speaks now; with ``hold`` the source, not a pause, ends what is said."""
    options = held(settings.vad) if hold else settings.vad
    segmenter = Segmenter(detector_of(settings), options)
    traces = ClientTraces(traces_of(settings.tracing))
    return Voice(source, segmenter, connection, pauses_end=not hold, traces=traces)


def recorded_voice(source: Source, connection: Connection, settings: Settings) -> Voice:
    """A recording, which can wait when the server is behind."""
    segmenter = Segmenter(detector_of(settings), settings.vad)
    traces = ClientTraces(traces_of(settings.tracing))
    return Voice(source, segmenter, connection, live=False, traces=traces)


def held(options: EndpointerOptions) -> EndpointerOptions:
    """Options under which no pause ends an utterance, and none is joined with the one before."""
    room_ms = options.pre_roll_ms + options.min_speech_ms
    return replace(options, hangover_ms=options.max_utterance_ms - room_ms, rejoin_ms=0)
