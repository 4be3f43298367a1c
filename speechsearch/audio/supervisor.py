"""What to do when a microphone vanishes, changes, falls silent or sleeps: a pure state machine.

    ┌────────── look ◄──── retry, with back-off ─────┐
    ▼                                                │
    closed ──saw──► opening ──opened──► open ──finished, silent, gone, asleep──► closed
                       └────────────────failed──────────────────────────────────►

The shell does what it is told and reports back. Time is handed in. The list of devices is read
anew only while nothing is open, because PortAudio cannot do it otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechsearch.audio.devices import Device, choose
from speechsearch.audio.source import SourceNotice
from speechsearch.types import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """When a device counts as gone, and how often it is looked for."""

    silent_s: float = 2.0
    """A device that delivers nothing for so long has vanished; a working one delivers zeros."""
    stall_s: float = 0.5
    """Time counts as the device's silence up to this at once: a longer step is a stalled program,
    whose sound still waits to be fetched."""
    first_retry_s: float = 0.25
    last_retry_s: float = 5.0
    """Back-off doubles up to this: a person who plugs the headset in again waits no longer."""
    stable_s: float = 10.0
    """A stream that held so long was a good one: back-off begins anew."""
    asleep_s: float = 1.0
    """A shorter sleep of the machine is no news."""
    overruns_every_s: float = 10.0
    """Overruns come in flocks: one notice for all within such a time."""


@dataclass(frozen=True, slots=True)
class Look:
    """List the devices and say what was ``saw``; ``anew``: PortAudio first starts anew."""

    anew: bool


@dataclass(frozen=True, slots=True)
class Open:
    """Open the device, then say ``opened`` or ``failed``."""

    device: Device


@dataclass(frozen=True, slots=True)
class Close:
    """Close the stream that is open."""


Action = Look | Open | Close | SourceNotice


class CaptureSupervisor:
    """Keeps one stream open on the device that is meant."""

    def __init__(self, wanted: str | None, options: SupervisorOptions | None = None) -> None:
        self._wanted = wanted
        self._options = options or SupervisorOptions()
        self._device: Device | None = None  # open, being opened, or the last that was open
        self._open = False
        self._opened_s = 0.0
        self._begun = False  # whether sound of the open stream was heard
        self._passed_s = 0.0
        self._silent_s = 0.0  # since the open stream was last heard
        self._delay_s = self._options.first_retry_s
        self._retry_s = 0.0
        self._out_of_order = False  # an outage was said, its end not yet
        self._told: Device | None = None  # the last device that sound was heard of
        self._failed_at: tuple[Device, ...] | None = None  # the list at the last failure
        self._seen: tuple[Device, ...] = ()
        self._asleep_s: float | None = None
        self._overruns_said_s: float | None = None

    @property
    def device(self) -> Device | None:
        """The device in use, or the last that was."""
        return self._device

    def saw(self, devices: Sequence[Device], now_s: float) -> list[Action]:
        """Go to the device that is meant, where it is another than the open one."""
        self._seen = tuple(devices)
        meant, current = choose(devices, self._wanted), self._device
        if not self._open:
            return self._go_to(meant, now_s)
        assert current is not None  # noqa: S101 - something is open
        if meant and meant.identity == current.identity:
            self._device = meant
            return _mute_notice(current, meant)
        here = any(device.source == current.source for device in devices if device.source)
        if meant is None or not here:
            return self._lose(f"the microphone {current.name!r} is gone", now_s, meant)
        self._open = False
        return [Close(), *self._go_to(meant, now_s)]

    def opened(self, now_s: float) -> list[Action]:
        """The stream runs; whether it delivers is another question."""
        self._open, self._opened_s, self._begun, self._silent_s = True, now_s, False, 0.0
        return []

    def failed(self, why: str, now_s: float) -> list[Action]:
        """It could not be opened."""
        assert self._device is not None  # noqa: S101 - it was to be opened
        self._failed_at = self._seen
        return self._wait(f"the microphone {self._device.name!r}: {why}", now_s)

    def finished(self, now_s: float) -> list[Action]:
        """The stream ended by itself."""
        if not self._open or self._device is None:
            return []
        return self._lose(f"the microphone {self._device.name!r} is gone", now_s)

    def heard(self, now_s: float, since_last_s: float = 0.0) -> list[Action]:
        """Sound arrived; ``since_last_s`` was missed since that of the stream before."""
        first, self._begun, self._silent_s = not self._begun, True, 0.0
        if now_s - self._opened_s > self._options.stable_s:
            self._delay_s = self._options.first_retry_s
        return self._greet(since_last_s) if first else []

    def missed(self, gap_s: float) -> list[Action]:
        """Sound is missing in the running stream."""
        return [SourceNotice(f"{gap_s:.1f} s of sound were missed", "gap", gap_s)]

    def overran(self, now_s: float) -> list[Action]:
        """The device had sound that nobody fetched in time."""
        last_s = self._overruns_said_s
        if last_s is not None and now_s - last_s < self._options.overruns_every_s:
            return []
        self._overruns_said_s = now_s
        return [SourceNotice("sound was lost: this machine is too busy to fetch it", "overrun")]

    def passed(self, now_s: float, asleep_s: float = 0.0) -> list[Action]:
        """Time went by; the machine slept for ``asleep_s`` in all since it started."""
        before_s, self._asleep_s = self._asleep_s, asleep_s
        self._silent_s += min(now_s - self._passed_s, self._options.stall_s)
        self._passed_s = now_s
        if before_s is not None and asleep_s - before_s >= self._options.asleep_s:
            return self._wake(asleep_s - before_s)
        if self._open:
            if self._silent_s > self._options.silent_s and self._device:
                name = self._device.name
                return self._lose(f"the microphone {name!r} delivers no sound any more", now_s)
            return []
        if now_s < self._retry_s:
            return []
        self._failed_at = None
        return [Look(anew=True)]

    def changed(self) -> list[Action]:
        """The sound server says that its devices may have changed."""
        return [Look(anew=not self._open)]

    def _go_to(self, meant: Device | None, now_s: float) -> list[Action]:
        if meant is None:
            which = "" if self._wanted is None else f" called {self._wanted!r}"
            return self._wait(f"there is no microphone{which}", now_s)
        if self._seen == self._failed_at and now_s < self._retry_s:
            return []
        self._device = meant
        return [Open(meant)]

    def _lose(self, what: str, now_s: float, instead: Device | None = None) -> list[Action]:
        self._open, self._failed_at = False, self._seen
        if instead is None:
            return [Close(), *self._wait(what, now_s)]
        self._device, self._out_of_order = instead, True
        return [Close(), SourceNotice(what), Open(instead)]

    def _wait(self, what: str, now_s: float) -> list[Action]:
        """Try again later, and say what for, once an outage."""
        self._retry_s = now_s + self._delay_s
        self._delay_s = min(self._options.last_retry_s, 2 * self._delay_s)
        said, self._out_of_order = self._out_of_order, True
        return [] if said else [SourceNotice(f"{what}; waiting for it")]

    def _wake(self, slept_s: float) -> list[Action]:
        """After a sleep open streams may look alive and be dead: open anew."""
        slept = SourceNotice(f"the machine slept for {_span(slept_s)}", "asleep", slept_s)
        close: list[Action] = [Close()] if self._open else []
        self._open, self._failed_at = False, None
        return [*close, slept, Look(anew=True)]

    def _greet(self, missed_s: float) -> list[Action]:
        """The first sound of a stream ends an outage, or is of another device."""
        assert self._device is not None  # noqa: S101 - it is being heard
        device, before = self._device, self._told
        self._told, outage, self._out_of_order = device, self._out_of_order, False
        narrow = SourceNotice(
            f"{device.name!r} gives only {device.rate_hz} Hz, as a telephone: words will be "
            "misheard. Choose another profile of the headset, or another one with --microphone",
            "narrow",
        )
        warning: list[Action] = [narrow] if device.rate_hz < SAMPLE_RATE_HZ else []
        if device.muted:
            warning.append(_muted(device))
        if before is None or before.identity == device.identity:
            if outage:
                again = f"listening to {device.name!r} again, {missed_s:.1f} s were not heard"
                return [SourceNotice(again, "returned", missed_s)]
            return warning if before is None else []
        listening = f"listening to {device.name!r} now, at {device.rate_hz} Hz"
        return [SourceNotice(listening, "changed", missed_s), *warning]


def _mute_notice(before: Device, after: Device) -> list[Action]:
    if before.muted == after.muted:
        return []
    if after.muted:
        return [_muted(after)]
    return [SourceNotice(f"the microphone {after.name!r} is no longer muted", "unmuted")]


def _muted(device: Device) -> SourceNotice:
    how = f"pactl set-source-mute {device.source or '@DEFAULT_SOURCE@'} 0"
    return SourceNotice(f"the microphone {device.name!r} is muted. To unmute it: {how}", "muted")


def _span(seconds: float) -> str:
    for unit_s, unit in ((3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {unit}"
    return f"{seconds:.0f} s"
