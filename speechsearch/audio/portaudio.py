"""PortAudio through sounddevice: what it lists, streams, and starting it anew.

PortAudio lists devices once, when it starts. Starting it anew closes every stream of the process,
so that is done only while no stream of ours is open.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speechsearch.audio import libpulse
from speechsearch.errors import DeviceError

BLOCK_S = 0.02
RECORD_PATIENCE_S = 3.0
CLOSE_TIMEOUT_S = 3.0
"""A stream whose sound server died may never end: PortAudio then goes on without starting anew"""
Info = dict[str, Any]
Heard = Callable[[npt.NDArray[np.float32], bool], None]
"""Takes float32 [frames, channels] in PortAudio's thread, and whether sound was lost before it"""

_lock = threading.RLock()
_streams: set[int] = set()


def inputs() -> list[tuple[int, Info]]:
    """Number and description of every input; raises DeviceError where there is no PortAudio."""
    with _lock:
        return [
            (number, info)
            for number, info in enumerate(_library().query_devices())
            if info["max_input_channels"] > 0
        ]


def default_input() -> int:
    """Number of the default input, -1 where there is none."""
    return int(_library().default.device[0])


def start_anew() -> bool:
    """See devices that came since PortAudio started; not, and False, while a stream is open."""
    library = _library()
    with _lock:
        if _streams:
            return False
        with contextlib.suppress(library.PortAudioError):
            library._terminate()
        with contextlib.suppress(library.PortAudioError):
            library._initialize()
        return True


@dataclass(frozen=True, slots=True)
class Input:
    """What to open: PortAudio's number of a device, and how."""

    number: int
    rate_hz: int
    channels: int
    source: str = ""
    """Which source of the sound server, where the number means that"""


class InputStream:
    """An open input that calls ``heard`` for each 20 ms, and ``finished`` when it ends by itself.

    Raises DeviceError where it cannot be opened.
    """

    def __init__(self, way: Input, *, heard: Heard, finished: Callable[[], None]) -> None:
        library = _library()
        self._closing = False

        def callback(data: Any, _frames: int, _time: Any, status: Any) -> None:
            heard(data, bool(status.input_overflow))

        def ended() -> None:
            if not self._closing:
                finished()

        with _lock, libpulse.opening(way.source):
            try:
                self._stream = library.InputStream(
                    device=way.number, samplerate=way.rate_hz, channels=way.channels,
                    blocksize=round(way.rate_hz * BLOCK_S), dtype="float32", latency="low",
                    callback=callback, finished_callback=ended,
                )  # fmt: skip
                _streams.add(id(self))
                self._stream.start()
            except (library.PortAudioError, ValueError) as error:
                self.close()
                raise DeviceError(
                    f"it cannot be opened: {error}",
                    hint="Another program may hold it, or access is denied: speechsearch doctor",
                ) from error

    def close(self) -> None:
        """End it, or leave it behind where it does not end; never raises."""
        self._closing = True
        if id(self) not in _streams:
            return
        closing = threading.Thread(target=self._close, daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT_S)
        if closing.is_alive():
            atexit.unregister(_library()._exit_handler)  # it would wait for the stream as well

    def _close(self) -> None:
        with contextlib.suppress(Exception):
            self._stream.abort()
        with contextlib.suppress(Exception):
            self._stream.close()
        _streams.discard(id(self))


def record(way: Input, seconds: float) -> npt.NDArray[np.float32]:
    """float32 [n, channels], about so long; raises DeviceError where nothing comes."""
    blocks: list[npt.NDArray[np.float32]] = []
    enough = threading.Event()

    def heard(data: npt.NDArray[np.float32], _lost: bool) -> None:
        blocks.append(data.copy())
        if len(blocks) * BLOCK_S >= seconds:
            enough.set()

    stream = InputStream(way, heard=heard, finished=enough.set)
    enough.wait(seconds + RECORD_PATIENCE_S)
    stream.close()
    if not blocks:
        raise DeviceError(
            "it delivers no sound at all", hint="Plug it in anew, or restart the sound server"
        )
    return np.concatenate(blocks)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what ALSA and PortAudio write to standard error off the terminal.

    They write past Python, in the middle of a drawn screen; ``sys.stderr`` goes on as before.
    """
    before, kept = sys.stderr, os.dup(2)
    with open(os.devnull, "wb") as nowhere, open(kept, "w", buffering=1) as stderr:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        sys.stderr = stderr
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(kept, 2)


def _library() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            f"the PortAudio library is missing: {error}",
            hint="On Debian or Ubuntu: apt-get install libportaudio2",
        ) from error
    return sounddevice
