"""One settings tree: defaults, then a TOML file, then the environment, then the command line.

The file is ``$SPEECHSEARCH_CONFIG``, or ``speechsearch.toml`` in the working folder, or
``~/.config/speechsearch/config.toml``. The environment spells sections with two underscores:
``SPEECHSEARCH_VAD__HANGOVER_MS=400``. Each default stands with its reason.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from speechsearch.errors import ConfigError
from speechsearch.monitoring.options import MonitoringOptions
from speechsearch.origins import DEFAULT, origins
from speechsearch.tracing.options import TracingOptions
from speechsearch.turns import TurnOptions
from speechsearch.types import BEST_EARS, Decoder, Device, Engine, SearchMode
from speechsearch.vad.endpointer import EndpointerOptions

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PRIVATE_SERVER_ENV = "SPEECHSEARCH_PRIVATE_SERVER"
"""Set by a client for the server it starts: end when standard input closes."""
STRICT: dict[str, Any] = {"extra": "forbid"}


def _names(value: Any) -> Any:
    """The environment has no lists: names with commas between."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


def default_models_dir() -> Path:
    """The models that come with the program."""
    return _shipped_dir() / "models"


def fixtures_dir() -> Path:
    """The recordings that come with the program, and their ``manifest.tsv``."""
    return _shipped_dir() / "audio_fixtures"


@cache
def _shipped_dir() -> Path:
    """The source tree, or where pip put what lies in the wheel beside the package."""
    tree = Path(__file__).resolve().parent.parent
    if (tree / "pyproject.toml").exists():
        return tree
    wheel = distribution("speechsearch")
    named = (one for one in wheel.files or () if one.match("audio_fixtures/manifest.tsv"))
    return next((Path(str(wheel.locate_file(one))).resolve().parents[1] for one in named), tree)


def user_models_dir() -> Path:
    """Where pulled and added models are kept: ``$XDG_DATA_HOME/speechsearch/models``."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "speechsearch" / "models"


def data_dir() -> Path:
    """Where what was measured is kept: ``$XDG_DATA_HOME/speechsearch``."""
    return user_models_dir().parent


def cache_dir() -> Path:
    """Where what can be made again is kept: ``$XDG_CACHE_HOME/speechsearch``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "speechsearch"


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """Which voice activity detector the client runs."""

    engine: Literal["silero", "webrtc"] = "silero"
    """Far fewer misses and false alarms than WebRTC's: the table in the README."""
    webrtc_aggressiveness: int = 2
    """0 hears most as speech, 3 least"""

    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What is taken of recordings that are sent in whole."""

    max_at_once: int = 2
    """Each has a temporary file and a thread; all share the model"""
    max_bytes: int = 1_000_000_000
    """An hour of stereo at 48 kHz, 16 bit, is 690 MB"""
    max_s: float = 4 * 3600
    """Length of a recording, whatever its header says"""
    max_unpacked_bytes: int = 6_000_000_000
    """Of all channels as float32: four hours of stereo at 48 kHz are 5.5 GB. It is never kept, but
    costs time"""
    min_rate_hz: int = 4_000
    max_rate_hz: int = 96_000
    max_channels: int = 6
    receive_s: float = 900
    """All of it must have come by then"""
    idle_s: float = 20
    """No pause between two pieces may be longer"""
    work_s: float = 3600
    """To transcribe it; who speaks goes first"""

    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server listens to and takes."""

    host: str = "127.0.0.1"
    """Nobody else can reach the loopback address."""
    port: int = 8765
    token: str = ""
    """Clients must say it in ``hello``; needed where the host is not the loopback."""
    allowed_origins: Names = ()
    """Web pages, besides the server's own, that may connect"""
    allowed_hosts: Names = ()
    """Names, besides the loopback and ``host``, under which the server is reached"""
    max_connections: int = 64
    max_load: float = 0.7
    """Share of time that the model may be busy with answers before new speakers are refused: the
    nearer to one, the longer everybody waits"""
    max_queued: int = 64
    """Utterances of all sessions that may wait for the model"""
    deadline_ms: float = 10_000
    """An answer later than this is an error: nobody waits for it any more."""
    revise_within_ms: float = 1500
    """After the end of speech: later nobody wants the text to change"""
    hear_parts: bool = False
    """Whether the second ear hears what lies between pauses while one still speaks, for a draft"""
    drain_s: float = 25.0
    """On SIGTERM utterances in flight have this long to get their answer."""
    resume_window_s: float = 60.0
    """A dropped session is kept this long: a laptop's change of network."""
    uploads: UploadOptions = UploadOptions()

    __pydantic_config__: ClassVar = STRICT

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"server.port is {self.port}: ports are 0 (any free one) to 65535")
        above_zero = ("max_connections", "max_load", "max_queued", "deadline_ms")
        wrong = [name for name in above_zero if getattr(self, name) <= 0]
        late = ("revise_within_ms", "drain_s", "resume_window_s")
        wrong += [name for name in late if getattr(self, name) < 0]
        if wrong:
            raise ConfigError(f"server.{wrong[0]} is {getattr(self, wrong[0])}: that is too little")


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """How new versions are let in: on where a token says who may do it."""

    token: str = ""
    """The administrator's; another than the clients'"""
    token_file: str = ""
    """A file that holds it instead"""
    folder: str = ""
    """Where versions and the state of the rollout are kept; empty: ``versions`` beside the models
    that were pulled"""
    golden: str = ""
    """Table of recordings that a version has to get right before anybody meets it; empty: those
    that are shipped"""
    tick_s: float = 1.0
    """How often it is asked whether to go on"""
    session_s: float = 300.0
    """A session that lasts longer is counted then; what follows in the same step is not"""

    __pydantic_config__: ClassVar = STRICT


DegreeName = Literal["human_only", "shadow", "assistance", "partial", "full"]


@dataclass(frozen=True, slots=True)
class AutomationOptions:
    """How much an answer may do by itself; ``rollout/degrees.py`` says what each degree is."""

    degree: DegreeName = "assistance"
    """Where a catalogue begins, and where it is put back to when this is changed"""
    ceiling: DegreeName = "full"
    """No more is ever proposed"""
    open_above: float = 0.9
    """At ``partial`` the first hit is opened where it is right with more than this probability"""

    __pydantic_config__: ClassVar = STRICT

    def __post_init__(self) -> None:
        if not 0 <= self.open_above <= 1:
            raise ConfigError(f"automation.open_above is {self.open_above}: it must be in 0..1")


@dataclass(frozen=True, slots=True)
class AsrOptions:
    """The acoustic model."""

    model: str = "w2v2-starter"
    """A folder's name under ``models_dir`` or ``user_models_dir``, or a path"""
    engine: Engine = Engine.AUTO
    """ONNX Runtime on a CPU, torch on a GPU: each is the fastest there"""
    device: Device = Device.AUTO
    """A GPU where there is one; ``cuda`` says aloud when there is none"""
    threads: int = 0
    """0: one for each core, two at most; more than two gains little on short utterances"""
    decoder: Decoder = Decoder.BEAM
    """What turns log-probs into words: the beam, with a language model and the titles that were
    found, makes a third fewer errors than the best letter of each frame"""
    second_pass: str = BEST_EARS
    """The ear that writes the text anew: tiny.en, base, moonshine-tiny; ``off``: none; ``auto``:
    tiny.en where it is installed, the best of what answers in time on two cores"""

    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The catalogue and its answers."""

    index: str = ""
    """Folder of an index; empty: the demo catalogue of books"""
    limit: int = 10
    """Hits in an answer"""
    mode: SearchMode = SearchMode.FULL
    """``text`` leaves the sound out: for comparison, it finds far less"""

    __pydantic_config__: ClassVar = STRICT


class Settings(BaseSettings):
    """All settings; ``load_settings`` reads them."""

    model_config = SettingsConfigDict(
        env_prefix="SPEECHSEARCH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    models_dir: Path = Field(default_factory=default_models_dir)
    user_models_dir: Path = Field(default_factory=user_models_dir)
    detector: DetectorOptions = DetectorOptions()
    vad: EndpointerOptions = EndpointerOptions()
    turns: TurnOptions = TurnOptions()
    server: ServerOptions = ServerOptions()
    asr: AsrOptions = AsrOptions()
    search: SearchOptions = SearchOptions()
    monitoring: MonitoringOptions = MonitoringOptions()
    tracing: TracingOptions = TracingOptions()
    rollout: RolloutOptions = RolloutOptions()
    automation: AutomationOptions = AutomationOptions()

    @property
    def model_dirs(self) -> list[Path]:
        """Where models are looked for, in this order."""
        return [self.models_dir, self.user_models_dir]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over file over defaults."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path | None:
    """The settings file in force, or None where there is none; ConfigError where it is missing."""
    named = os.environ.get("SPEECHSEARCH_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(
                f"SPEECHSEARCH_CONFIG names {named}, which is not a file",
                hint="Unset it or name a TOML file",
            )
        return Path(named)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    candidates = (Path("speechsearch.toml"), home / "speechsearch" / "config.toml")
    return next((path for path in candidates if path.is_file()), None)


def load_settings(**overrides: Any) -> Settings:
    """Read all sources; raises ConfigError that names the setting at fault."""
    try:
        return _with_origins(Settings(**overrides), overrides)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigError(f"settings are wrong: {faults}", hint="See speechsearch/config.py") from (
            error
        )
    except ValueError as error:
        raise ConfigError(f"the settings file cannot be read: {error}") from error


def _with_origins(settings: Settings, overrides: dict[str, Any]) -> Settings:
    """Thresholds say where they come from."""
    options, file = settings.monitoring, config_file()
    of_rules = origins(("monitoring", "thresholds"), overrides, file)
    of_slo = origins(("monitoring", "slo"), overrides, file)
    thresholds = {
        name: replace(one, why=_why(one.why, of_rules.get(name, "configuration")))
        for name, one in options.thresholds.items()
    }
    slo = replace(options.slo, why=_why(options.slo.why, ", ".join(sorted(set(of_slo.values())))))
    options = replace(options, thresholds=thresholds, slo=slo)
    return settings.model_copy(update={"monitoring": options})


def _why(said: str, origin: str) -> str:
    if said == DEFAULT:
        return origin or DEFAULT
    return f"{origin}: {said}" if origin else said
