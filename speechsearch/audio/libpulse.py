"""What libpulse, under ALSA and PortAudio, reads from the environment when a stream is opened.

Its shared memory is switched off: where the sound server dies while a recorded block is mapped,
libpulse 16 waits for that block for ever (``pa_memimport_free``), and with it whoever closes the
stream. A microphone's few hundred kilobytes a second are as well copied.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

CONFIG = "PULSE_CLIENTCONFIG"
SYSTEM = Path("/etc/pulse/client.conf")


@contextmanager
def opening(source: str) -> Iterator[None]:
    """Let streams opened in the block be of this source, where one is named.

    The environment is that of the whole process: hold a lock.
    """
    with NamedTemporaryFile("w", prefix="speechsearch-", suffix=".conf") as config:
        config.writelines(f".include {path}\n" for path in _configured())
        config.write("enable-shm = no\n")
        config.flush()
        wanted = {CONFIG: config.name} | ({"PULSE_SOURCE": source} if source else {})
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _configured() -> list[Path]:
    """The files libpulse would have read."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    asked = os.environ.get(CONFIG)
    places = [Path(asked)] if asked else [home / "pulse" / "client.conf", SYSTEM]
    main = next((place for place in places if place.is_file()), None)
    if main is None:
        return []
    return [main, *sorted(main.with_name(main.name + ".d").glob("*.conf"))]
