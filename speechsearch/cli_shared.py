"""What the verbs of the command share: their options, how they fail, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from speechsearch.config import Settings, load_settings
from speechsearch.errors import ConfigError, SpeechsearchError
from speechsearch.types import Decoder, Device, Engine, SearchMode

if TYPE_CHECKING:
    from speechsearch.client.session import Setup

errors = Console(stderr=True, highlight=False)
output = Console(highlight=False)

IndexOption = Annotated[
    str, typer.Option("--index", metavar="DIR", help="Index to search; the demo books if not given")
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="Acoustic model: a name or a folder")
]
ServerOption = Annotated[
    str, typer.Option("--server", metavar="URL", help="Server to use, e.g. ws://127.0.0.1:8765")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout")]
DecoderOption = Annotated[
    Decoder | None, typer.Option("--decoder", help="What turns sound into words")
]
SearchOption = Annotated[
    SearchMode | None, typer.Option("--search", help="Rank by words and sound, or by words alone")
]
SecondPassOption = Annotated[
    str | None,
    typer.Option(
        "--second-pass",
        metavar="off|NAME",
        help="The ear that writes the text anew [tiny.en where it is installed]",
    ),
]

EngineOption = Annotated[
    Engine | None, typer.Option("--engine", help="What runs the model [auto: torch on a GPU]")
]
ComputeOption = Annotated[
    Device | None, typer.Option("--device", help="Where the model runs [auto: a GPU if any]")
]
DEVICES = frozenset(device.value for device in Device)


def fail(error: SpeechsearchError) -> NoReturn:
    """Say what was wrong, and exit 1."""
    errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1)


def reports(verb: Callable[..., None]) -> Callable[..., None]:
    """Turn the package's errors into a sentence and exit 1, Ctrl-C into exit 130."""

    @wraps(verb)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            verb(*args, **kwargs)
        except SpeechsearchError as error:
            fail(error)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return wrapped


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks of a server; empty or None where it leaves it to the settings."""

    index: str = ""
    model: str = ""
    decoder: Decoder | None = None
    search: SearchMode | None = None
    second_pass: str | None = None
    engine: Engine | None = None
    device: Device | None = None

    def settings(self, **more: dict[str, Any]) -> Settings:
        """The settings with what was asked for, and with sections of ``more``, on top."""
        folder = Path(self.model)
        changes = {
            "asr": {
                "model": str(folder.absolute()) if self.model and folder.is_dir() else self.model,
                "decoder": self.decoder,
                "second_pass": self.second_pass,
                "engine": self.engine,
                "device": self.device,
            },
            "search": {
                "index": str(Path(self.index).absolute()) if self.index else "",
                "mode": self.search,
            },
            **more,
        }
        given = {
            section: {name: value for name, value in values.items() if value not in (None, "")}
            for section, values in changes.items()
        }
        return load_settings(**{section: values for section, values in given.items() if values})

    def setup(self, server: str = "") -> Setup:
        """A client's run; raises ConfigError for what this version, or ``server``, cannot do."""
        from speechsearch.client.session import Setup
        from speechsearch.server.assemble import pipeline_options

        settings = self.settings()
        pipeline_options(settings)
        if server and any((self.decoder, self.search, self.second_pass, self.engine, self.device)):
            raise ConfigError(
                "--decoder, --search, --second-pass, --engine and --device are the server's choice",
                hint="Give them to the speechsearch serve that runs there, or leave --server out",
            )
        if not server:
            say_what_hears(settings)
        return Setup(settings, server, self._arguments())

    def _arguments(self) -> tuple[str, ...]:
        options = {
            "--index": str(Path(self.index).absolute()) if self.index else "",
            "--model": self.model,
            "--decoder": self.decoder,
            "--search": self.search,
            "--second-pass": self.second_pass,
            "--engine": self.engine,
            "--device": self.device,
        }
        return tuple(word for name, value in options.items() if value for word in (name, value))


def say_what_hears(settings: Settings) -> None:
    """Warn on stderr where a GPU was asked for and the CPU has to do; raises ModelError for an
    engine that is not here.
    """
    from speechsearch.server.assemble import chosen_engine

    notice = chosen_engine(settings).notice
    if notice:
        errors.print(f"warning: {notice}", style="yellow", markup=False, soft_wrap=True)
