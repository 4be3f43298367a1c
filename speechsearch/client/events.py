"""What a ``Client`` tells: one small frozen type for each thing that can happen."""

from __future__ import annotations

from dataclasses import dataclass, field

from speechsearch.audio.source import NoticeKind, SourceNotice
from speechsearch.client import voice
from speechsearch.client.connection import ConnectionState, GivenUp
from speechsearch.client.voice import Level, VoiceEvent
from speechsearch.types import Hit, Hypothesis, Word
from speechsearch.vad import endpointer as vad
from speechsearch.wire import messages as m


@dataclass(frozen=True, slots=True)
class Connected:
    """The server is there; ``resumed``: the session goes on where it broke off."""

    model: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The server is gone; what is spoken meanwhile is kept and sent once it is back."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak, at this sample (16 kHz) since the source began."""

    onset_sample: int


@dataclass(frozen=True, slots=True)
class Partial:
    """The text so far; ``stable`` is its beginning that no later one takes back."""

    utterance: int
    text: str
    stable: str
    hits: tuple[Hit, ...]
    """Empty where this look brought none: those of the one before still hold"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Speech ended at ``end_sample``; the answer is on its way."""

    end_sample: int
    reason: str
    """``silence``, ``max_length`` or ``flush``: the source ended, or the key was let go"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said and what was found; it replaces the answer to utterance ``continues``."""

    utterance: int
    text: str
    confidence: float
    """0..1, of the text"""
    hits: tuple[Hit, ...]
    """Best first; empty where nothing fits"""
    answer_confidence: float
    """Calibrated probability that the first hit is what was asked for"""
    continues: int | None
    """An earlier utterance that turned out to be the beginning of this one"""
    words: tuple[Word, ...] = ()
    """With their times, in seconds since the source began"""
    alternatives: tuple[Hypothesis, ...] = ()
    """Readings, best first, that of ``text`` among them"""
    timings_ms: dict[str, float] = field(default_factory=dict)
    """``end_of_speech_to_results`` and its stages"""
    model: str = ""
    source_number: int = 0
    """Which source of the client it belongs to"""
    ear: str = "ctc"
    """Whose words ``text`` is: the Wav2Vec2's, or those of the second ear of this name"""


@dataclass(frozen=True, slots=True)
class Revised:
    """A second ear wrote the text of an answer anew, within 1.5 s of the end of speech."""

    answer: Answer
    """In the place of the one before; its timings are that one's"""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There was no speech in it after all."""

    utterance: int
    why: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know, about the microphone or the server."""

    message: str
    kind: NoticeKind | str
    """That of the microphone (``lost``, ``returned``, ...), or the server's code"""
    missed_s: float = 0.0
    """Seconds of sound that were not heard, where that is known"""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong; the client goes on."""

    message: str
    hint: str
    """What to do"""
    utterance: int | None
    """The one that gets no answer because of it"""


Event = (
    Connected | Disconnected | Level | SpeechStarted | Partial | Endpoint | Answer | Revised
    | Nothing | Notice | Failure
)  # fmt: skip


def event_of(event: VoiceEvent, source_number: int) -> Event | None:
    """What a voice's event is for the user of a client; None where it is of no interest."""
    found: Event | None = None
    match event:
        case Level():
            found = event
        case vad.SpeechStart(_, onset_sample):
            found = SpeechStarted(onset_sample)
        case vad.SpeechEnd(end_sample, _, reason):
            found = Endpoint(end_sample, reason)
        case voice.Answer():
            found = _answer(event, source_number)
        case voice.Revision(voice.Answer(revised_s=float()) as revised):
            answer = _answer(revised, source_number)
            found = Revised(answer) if isinstance(answer, Answer) else None
        case m.Partial():
            found = Partial(event.utterance, event.text, event.stable, event.hits)
        case ConnectionState(state="lost"):
            found = Disconnected(event.message, event.retry_in_s)
        case ConnectionState():
            found = Connected(event.message, event.state == "resumed")
        case _:
            found = _trouble(event)
    return found


def _answer(event: voice.Answer, source_number: int) -> Answer | Nothing | None:
    match event.message:
        case m.Final() as final:
            return Answer(
                final.utterance, final.text, final.confidence, final.hits,
                final.answer_confidence, final.continues, final.words, final.hypotheses,
                event.timings_ms, final.model, source_number, final.ear,
            )  # fmt: skip
        case m.Nothing() as nothing:
            return Nothing(nothing.utterance, nothing.why)
        case _:
            return None  # the error came by itself too


def _trouble(event: VoiceEvent) -> Notice | Failure | None:
    match event:
        case SourceNotice(message) if message:
            return Notice(message, event.kind, event.missed_s)
        case m.Warn():
            return Notice(event.message, event.code)
        case m.Error():
            return Failure(event.message, event.hint, event.utterance)
        case GivenUp(utterance):
            return Failure(
                "an utterance waited too long for the server and was given up",
                "Say it again once the server is back", utterance,
            )  # fmt: skip
        case _:
            return None
