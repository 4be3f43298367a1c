"""Playing a recording in real time through the product, and what came of it.

t0 is the table's label; t1..t3 are those of the utterance that covers t0. After a file's last
sample its own noise floor goes on, so nothing tells the client that it ended.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from speechsearch.audio.player import Player, read_audio
from speechsearch.client.connection import Connection
from speechsearch.client.voice import Answer, Revision, Voice, VoiceEvent, standing
from speechsearch.client.voices import detector_of
from speechsearch.clock import monotonic_s
from speechsearch.config import Settings
from speechsearch.errors import SpeechsearchError
from speechsearch.types import SAMPLE_RATE_HZ
from speechsearch.vad.endpointer import SpeechStart
from speechsearch.vad.segmenter import Segmenter
from speechsearch.wire import messages as m

EARLY_S = 0.05
DOUBTFUL_S = 0.3
QUIET_S = 1.5
"""Noise floor after the file and after t0 that must pass without an utterance"""
LONGEST_TAIL_S = 15.0


@dataclass
class Played:
    """What came of one file."""

    row: dict[str, str]
    started_s: float = 0.0
    length_s: float = 0.0
    starts: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    partials: list[tuple[float, m.Partial]] = field(default_factory=list)
    """Each with the instant it was there"""
    revisions: dict[int, Answer] = field(default_factory=dict)
    """The last answer of each utterance that a second ear went over"""
    error: str = ""

    @property
    def t0_s(self) -> float:
        """The label, in seconds from the first sample."""
        return float(self.row["t0"])

    @property
    def trusted(self) -> bool:
        """Whether the label can carry a latency."""
        return float(self.row.get("t0_spread") or 0) <= DOUBTFUL_S

    @property
    def finals(self) -> list[Answer]:
        """Last answers with text, in order, replaced ones left out."""
        return [self.revisions.get(a.utterance, a) for a in self.first_finals]

    @property
    def first_finals(self) -> list[Answer]:
        """The same as they were before a second ear went over them."""
        return standing(self.answers)

    @property
    def revised_after_ms(self) -> float | None:
        """From t0 to the last change of a text; None where no text changed."""
        changes = [a.revised_s for a in self.finals if a.revised_s is not None]
        return self.after_t0_ms(max(changes)) if changes else None

    @property
    def top_hit_changed(self) -> bool:
        """Whether a revision put another hit on top."""
        both = zip(self.first_finals, self.finals, strict=True)
        return any(a.message.hits[:1] != b.message.hits[:1] for a, b in both)

    def after_t0_ms(self, instant_s: float) -> float:
        """An instant, relative to the acoustic end of speech."""
        return (instant_s - self.started_s - self.t0_s) * 1000

    @property
    def early_cutoff(self) -> bool:
        """Whether speech was ended before its end."""
        return any(self.after_t0_ms(a.t1_s) < -EARLY_S * 1000 for a in self.answers)

    def first_word_ms(self, wanted: Callable[[m.Partial], str]) -> float | None:
        """From the end of the first word of the file's first answer, as its own decode times it, to
        the first partial with the text ``wanted``.
        """
        finals = [a.message for a in self.answers if isinstance(a.message, m.Final)]
        if not finals or not finals[0].words:
            return None
        word_end_s = self.started_s + finals[0].words[0].end_s
        shown = (
            at_s for at_s, p in self.partials if p.utterance == finals[0].utterance and wanted(p)
        )
        return next(((at_s - word_end_s) * 1000 for at_s in shown), None)

    @property
    def stable_words(self) -> tuple[int, int, int]:
        """Words called stable, those of them taken back by a later partial, and by the answer."""
        last: dict[int, list[str]] = {}
        flipped = changed = 0
        for _, partial in self.partials:
            words, before = partial.stable.split(), last.get(partial.utterance, [])
            flipped += sum(a != b for a, b in zip_longest(before, words[: len(before)]))
            last[partial.utterance] = words
        for answer in self.answers:
            stable = last.get(answer.utterance, [])
            if isinstance(answer.message, m.Final) and answer.message.continues is None:
                final = answer.message.text.split()
                changed += sum(a != b for a, b in zip_longest(stable, final[: len(stable)]))
        return sum(map(len, last.values())), flipped, changed

    @property
    def unrepaired(self) -> bool:
        """Whether what was cut early stands as an answer of its own."""
        return any(self.after_t0_ms(a.t1_s) < -EARLY_S * 1000 for a in self.finals)

    @property
    def covering(self) -> Answer | None:
        """The answer of the utterance that covers t0."""
        for answer in self.answers:
            begun_s = self.starts[answer.utterance - 1] / SAMPLE_RATE_HZ
            late_enough = self.after_t0_ms(answer.t1_s) >= -EARLY_S * 1000
            if begun_s <= self.t0_s and late_enough and isinstance(answer.message, m.Final):
                return answer
        return None


def read_rows(
    table: Path, limit: int | None, longest_s: float | None = None
) -> list[dict[str, str]]:
    """Rows with a label, paths made absolute; with ``longest_s`` only those of so many seconds."""
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["t0"]]
    if longest_s is not None:
        rows = [row for row in rows if float(row["seconds"]) <= longest_s]
    for row in rows:
        row["file"] = str((table.parent / row["path"]).resolve())
    return rows[:limit]


async def play(row: dict[str, str], url: str, settings: Settings) -> Played:
    """Stream one file in a session of its own until it is answered and quiet."""
    played = Played(row)
    sound = read_audio(Path(row["file"]))
    player = Player(sound, tail_s=LONGEST_TAIL_S)
    connection = Connection(url, settings.server.token, retry=False)
    voice = Voice(player, Segmenter(detector_of(settings), settings.vad), connection)
    quiet_from = round((max(len(sound) / SAMPLE_RATE_HZ, played.t0_s) + QUIET_S) * SAMPLE_RATE_HZ)
    try:
        async for event in voice.run():
            note(event, played)
            idle = not voice.segmenter.in_utterance and not connection.awaiting
            if idle and voice.segmenter.position > quiet_from:
                player.stop()
    except SpeechsearchError as error:
        played.error = str(error)
    played.started_s = player.started_s
    played.length_s = voice.captured_samples / SAMPLE_RATE_HZ
    if not played.error and played.covering is None:
        played.error = "no answer for the utterance that covers t0"
    return played


def note(event: VoiceEvent, played: Played) -> None:
    """Keep what the figures need."""
    if isinstance(event, SpeechStart):
        played.starts.append(event.start_sample)
    elif isinstance(event, Answer):
        played.answers.append(event)
    elif isinstance(event, Revision):
        played.revisions[event.answer.utterance] = event.answer
    elif isinstance(event, m.Partial):
        played.partials.append((monotonic_s(), event))
    elif isinstance(event, m.Error):
        played.error = event.message


def file_object(played: Played) -> dict[str, Any]:
    """A file's line in the report."""
    answer, finals = played.covering, played.finals
    longest = max((a.message for a in finals), key=lambda f: len(f.text), default=None)
    hits = longest.hits if longest else ()
    t1_ms = played.after_t0_ms(answer.t1_s) if answer else None
    t3_ms = played.after_t0_ms(answer.t3_s) if answer else None
    revised_ms = played.revised_after_ms
    return {
        "path": played.row["path"],
        "text": " ".join(a.message.text for a in finals),
        "first_text": " ".join(a.message.text for a in played.first_finals),
        "ear": " ".join(sorted({a.message.ear for a in finals})),
        "revised_after_ms": None if revised_ms is None else round(revised_ms, 1),
        "top_hit_changed": played.top_hit_changed,
        "hits": [{"id": h.id, "title": h.title, "score": round(h.score, 4)} for h in hits],
        "t1_t0_ms": None if t1_ms is None else round(t1_ms, 1),
        "t3_t0_ms": None if t3_ms is None else round(t3_ms, 1),
        "early_cutoff": played.early_cutoff,
        "unrepaired": played.unrepaired,
        "t0_doubtful": not played.trusted,
        "error": played.error or None,
    }
