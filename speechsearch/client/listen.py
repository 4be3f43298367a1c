"""Listening: the live view in a terminal, one JSON object a line anywhere else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.live import Live

from speechsearch.audio.held import HeldSource
from speechsearch.audio.source import SourceNotice
from speechsearch.automation import Automation
from speechsearch.client.connection import ConnectionState, GivenUp
from speechsearch.client.desktop import open_hit
from speechsearch.client.report import utterance_object
from speechsearch.client.screen import ESCAPE, Action, Opened, Screen, Typed
from speechsearch.client.talk_key import TalkKey
from speechsearch.client.view import render
from speechsearch.client.voice import Answer, Revision, Voice, VoiceEvent
from speechsearch.clock import monotonic_s
from speechsearch.rollout.degrees import Action as Do
from speechsearch.wire import messages as m

FRAMES_PER_S = 20


async def listen_lines(voice: Voice) -> AsyncIterator[Answer]:
    """Print an object for each answer, and another where it is revised; the rest goes to stderr."""
    async for event in voice.run():
        note = _note(event)
        if note:
            print(note, file=sys.stderr, flush=True)
        answer = event.answer if isinstance(event, Revision) else event
        if isinstance(answer, Answer):
            found = utterance_object(voice.source.name_at(answer.end_sample), answer)
            if found and (answer is event or answer.revised_s is not None):
                print(json.dumps(found, ensure_ascii=False), flush=True)
        if isinstance(event, Answer):
            yield event


async def listen_live(
    voice: Voice, console: Console, automation: Automation
) -> AsyncIterator[Answer]:
    """Draw the screen and follow the keys until ``q``, or until the source ends."""
    held = voice.source if isinstance(voice.source, HeldSource) else None
    screen = Screen(voice.source.name, muted=voice.muted, hold=held is not None)
    terminal = _Terminal(voice, screen, held, automation)
    with (
        Live(console=console, auto_refresh=False, screen=False) as live,
        keys(terminal.press),
    ):
        drawing = asyncio.create_task(terminal.draw(live))
        try:
            async for event in _until(voice.run(), terminal.quit):
                terminal.screen.update(event)
                if isinstance(event, Answer):
                    terminal.answered(event)
                    yield event
        finally:
            drawing.cancel()
            live.update(render(terminal.screen), refresh=True)


class _Terminal:
    """Joins the screen's state to the voice."""

    def __init__(
        self, voice: Voice, screen: Screen, held: HeldSource | None, automation: Automation
    ) -> None:
        self.screen = screen
        self._automation = automation
        screen.shows_answers = automation.shows
        if not automation.hears:
            voice.muted = screen.muted = True
        self.quit = asyncio.Event()
        self._held = held
        self._key = TalkKey()
        self._voice = voice
        self._searches = 0
        self._acted: int | None = None

    async def draw(self, live: Live) -> None:
        """Redraw at a steady rate."""
        while True:
            self._talk()
            self.screen.source = self._voice.source.name
            live.update(render(self.screen), refresh=True)
            await asyncio.sleep(1 / FRAMES_PER_S)

    def press(self, key: str) -> None:
        """Do what a key asks for."""
        action: Action | None = self.screen.press(key)
        match action:
            case "mute":
                self.screen.muted |= not self._automation.hears
                self._voice.muted = self.screen.muted
            case "talk":
                self._key.press(monotonic_s())
                self._talk()
            case "cancel":
                self._voice.cancel()
                self._key.talking = False
                self._tell("abandon")
            case "quit":
                self.quit.set()
            case Typed(query):
                self._tell("typed")
                self._automation.typed()
                self._searches += 1
                self._voice.connection.say(m.Search(id=self._searches, query=query))
            case Opened(hit, utterance):
                self._automation.chose(hit.id)
                self.screen.notes.append(open_hit(hit))
                if utterance is not None:
                    self._acted = utterance
                    self._voice.connection.say(
                        m.Feedback(utterance=utterance, action="click", hit=hit.id)
                    )

    def _tell(self, action: Literal["typed", "abandon"]) -> None:
        """What becomes of the answer on the screen, once, unless a hit of it was opened."""
        utterance = self.screen.utterance
        if utterance is not None and utterance != self._acted:
            self._acted = utterance
            self._voice.connection.say(m.Feedback(utterance=utterance, action=action))

    def answered(self, answer: Answer) -> None:
        """Do with an answer what the degree of automation allows."""
        final = answer.message
        if isinstance(final, m.Final) and self._automation.answered(final) is Do.OPEN:
            self.screen.notes.append(f"{open_hit(final.hits[0])}, by itself")

    def _talk(self) -> None:
        """Let sound pass while the key says so."""
        if self._held is None:
            return
        self._key.passed(monotonic_s())
        if self._key.talking and not self._held.talking:
            self._held.press()
        elif self._held.talking and not self._key.talking:
            self._held.release(self._key.pressed_s)
        self.screen.talking = self._key.talking


@contextmanager
def keys(press: Callable[[str], None]) -> Iterator[None]:
    """Call ``press`` for each key while the block runs; nothing where stdin is no terminal."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        pressed = os.read(descriptor, 64).decode(errors="ignore")
        if len(pressed) > 1 and pressed.startswith(ESCAPE):
            return  # an arrow or function key
        for key in pressed:
            press(key)

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def _until(
    events: AsyncIterator[VoiceEvent], stop: asyncio.Event
) -> AsyncIterator[VoiceEvent]:
    """Events until they end or ``stop`` is set."""
    stopping = asyncio.create_task(stop.wait())
    try:
        while True:
            upcoming = asyncio.ensure_future(anext(events))
            await asyncio.wait((upcoming, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not upcoming.done():
                upcoming.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                    await upcoming
                return
            try:
                yield upcoming.result()
            except StopAsyncIteration:
                return
    finally:
        stopping.cancel()


def _note(event: VoiceEvent) -> str:
    match event:
        case ConnectionState(state="lost"):
            return f"{event.message}; trying again in {event.retry_in_s:.1f} s"
        case ConnectionState():
            return f"{event.state} ({event.message})"
        case GivenUp(utterance):
            return f"utterance {utterance} waited too long for the server and was given up"
        case SourceNotice(message):
            return message
        case m.Error() | m.Warn():
            return f"{event.message}. {getattr(event, 'hint', '')}"
        case _:
            return ""
