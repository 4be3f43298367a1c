"""What the terminal shows and what its keys mean: pure state, no terminal here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from speechsearch.audio.source import SourceNotice
from speechsearch.client.connection import ConnectionState, GivenUp
from speechsearch.client.voice import SILENCE_DBFS, Answer, Level, VoiceEvent
from speechsearch.types import Hit
from speechsearch.vad import endpointer as vad
from speechsearch.wire import messages as m

ESCAPE = "\x1b"
MAX_NOTES = 3


@dataclass(frozen=True, slots=True)
class Typed:
    """The person typed a query."""

    query: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The person chose a hit."""

    hit: Hit
    utterance: int | None
    """Answer the hit belongs to, None for a typed query's"""


Action = Typed | Opened | Literal["mute", "talk", "cancel", "quit"]


@dataclass(slots=True)
class Screen:
    """Everything visible; ``update`` follows events, ``press`` follows keys."""

    source: str
    connection: str = "connecting"
    dbfs: float = SILENCE_DBFS
    muted: bool = False
    hold: bool = False
    """Whether a key must be held to talk"""
    talking: bool = False
    """Whether it is"""
    deaf: bool = False
    """Whether the microphone is gone"""
    speaking: bool = False
    waiting: bool = False
    text: str = ""
    confidence: float | None = None
    hits: tuple[Hit, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    shows_answers: bool = True
    """Whether what was heard is shown, or only what was typed"""
    typing: str | None = None
    """The query being typed, None while nobody types"""
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_NOTES))
    _utterance: int | None = None
    _of_devices: list[str] = field(default_factory=list)

    @property
    def utterance(self) -> int | None:
        """The answer that is shown; None where there is none, or a typed query's."""
        return self._utterance

    def update(self, event: VoiceEvent) -> None:
        """Show what happened."""
        match event:
            case Level(dbfs, _):
                self.dbfs, self.deaf = dbfs, False
            case vad.SpeechStart() | vad.Resume():
                self.speaking, self.waiting = True, False
            case vad.Pause():
                self.speaking = False
            case vad.SpeechEnd():
                self.speaking, self.waiting = False, True
            case Answer() | m.Partial() | m.Results():
                self._show(event)
            case ConnectionState():
                self._connect(event)
            case m.Error() | GivenUp():
                self._fail(event)
            case SourceNotice():
                self._notice(event)
            case m.Warn(message=message):
                self.notes.append(message)

    def press(self, key: str) -> Action | None:
        """What a key asks for, with the screen already changed where it only concerns it."""
        if self.typing is not None:
            return self._type(key)
        action: Action | None = None
        match key:
            case " " if self.hold:
                action = "talk"
            case " ":
                self.muted = not self.muted
                action = "mute"
            case "/":
                self.typing = ""
            case "q" | "\x03":
                action = "quit"
            case "\x1b":
                self.speaking = self.waiting = False
                action = "cancel"
            case "\r" | "\n":
                action = self._open(0)
            case _ if key.isdecimal() and key != "0":
                action = self._open(int(key) - 1)
        return action

    def _type(self, key: str) -> Action | None:
        query = self.typing or ""
        match key:
            case "\x1b" | "\x03":
                self.typing = None
            case "\r" | "\n":
                self.typing = None
                return Typed(query.strip()) if query.strip() else None
            case "\x7f" | "\b":
                self.typing = query[:-1]
            case _ if key.isprintable():
                self.typing = (query + key)[: m.MAX_QUERY_LETTERS]
        return None

    def _open(self, place: int) -> Opened | None:
        return Opened(self.hits[place], self._utterance) if place < len(self.hits) else None

    def _show(self, event: Answer | m.Partial | m.Results) -> None:
        if not self.shows_answers and not isinstance(event, m.Results):
            self.waiting = self.waiting and not isinstance(event, Answer)
            return
        match event:
            case Answer(message=m.Final() as final):
                self.waiting, self._utterance = False, final.utterance
                self.text, self.confidence = final.text, final.confidence
                self.hits, self.timings_ms = final.hits, event.timings_ms
            case Answer():
                self.waiting = False
            case m.Partial():
                self.text, self.confidence, self.timings_ms = event.text, None, {}
                if event.hits:
                    self._utterance, self.hits = event.utterance, event.hits
            case m.Results():
                self._utterance, self.timings_ms = None, {}
                self.text, self.confidence, self.hits = event.query, None, event.hits

    def _notice(self, notice: SourceNotice) -> None:
        """Show it; that a device works again outdates what was said of devices before."""
        if notice.interrupts:
            self.dbfs, self.deaf = SILENCE_DBFS, notice.kind == "lost"
        if notice.kind in ("returned", "changed", "unmuted"):
            for outdated in self._of_devices:
                if outdated in self.notes:
                    self.notes.remove(outdated)
            self._of_devices.clear()
        if notice.message:
            self.notes.append(notice.message)
            self._of_devices.append(notice.message)

    def _fail(self, event: m.Error | GivenUp) -> None:
        self.waiting = False
        if isinstance(event, m.Error):
            self.notes.append(f"{event.message}. {event.hint}")
        else:
            self.notes.append("an utterance waited too long for the server and was given up")

    def _connect(self, event: ConnectionState) -> None:
        if event.state == "lost":
            self.connection = f"{event.message}; trying again in {event.retry_in_s:.1f} s"
            self.notes.append(event.message)
        else:
            self.connection = f"connected, {event.message}"
            if event.state == "resumed":
                self.notes.append("the session goes on where it broke off")
