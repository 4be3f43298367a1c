"""The control messages of ``speechsearch.v1``: typed, tagged by ``type``, JSON in text frames.

Positions are samples on the session's time line (16 kHz, first sample of the session = 0).
Unknown fields are ignored, unknown types are an error.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from speechsearch.types import SAMPLE_RATE_HZ, Hit, Hypothesis, Word

PROTOCOL = "speechsearch.v1"

Count = Annotated[int, msgspec.Meta(ge=0)]
Number = Annotated[int, msgspec.Meta(ge=1, le=0xFFFF_FFFF)]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Span = Annotated[float, msgspec.Meta(ge=0, le=600_000)]
"""Milliseconds"""
MAX_QUERY_LETTERS = 500
MAX_HITS = 100
"""That a typed search may ask for"""
CHAMPION = "champion"
ShortText = Annotated[str, msgspec.Meta(max_length=MAX_QUERY_LETTERS)]
Token = Annotated[str, msgspec.Meta(max_length=200)]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all control messages share: immutable, told apart by ``type``."""


class ResumeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Take an earlier session up again; ``awaiting`` are the utterances not yet answered."""

    token: Token
    awaiting: Annotated[tuple[Number, ...], msgspec.Meta(max_length=1000)] = ()
    newest: Count = 0
    """Where the server cuts: the highest number the client has heard of. Later ones are told too"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes; told in ``ready``, enforced for everything that comes in."""

    max_frame_bytes: int = 64_000
    """One binary frame: two seconds of sound"""
    max_text_bytes: int = 16_000
    max_utterance_ms: int = 120_000
    max_unanswered: int = 8
    """Utterances of one session that may wait for their answer"""
    max_session_s: int = 24 * 3600
    max_messages_per_s: int = 50
    """Control messages, averaged; bursts of four times that are taken"""


# --- client to server ---------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """The first message: what is spoken here."""

    protocol: ShortText
    sample_rate_hz: int = SAMPLE_RATE_HZ
    vad: Literal["client", "server"] = "client"
    """Who finds the ends of utterances; ``server``: all sound is sent, as utterance 0"""
    token: Token = ""
    """Access token, where the server asks for one"""
    partials: bool = True
    """Whether text and hits are wanted while the person speaks"""
    automation: bool = False
    """Whether the catalogue's degree of automation is to be obeyed: then ``ready`` names it and
    each ``final`` says what may be done with it"""
    patient: bool = False
    """Whether answers wait for the second ear: for who has time, such as a recording's client"""
    resume: ResumeRequest | None = None


class SpeechStart(Message, frozen=True, kw_only=True, tag="speech_start"):
    """An utterance begins at ``start_sample``; its sound follows, gapless.

    Its speech begins at ``onset_sample``. Where the sound follows without a gap on that of the
    utterance before, the server may take both for one sentence.
    """

    utterance: Number
    start_sample: Position
    onset_sample: Position | None = None
    """None: ``start_sample``"""


class Pause(Message, frozen=True, kw_only=True, tag="pause"):
    """Silence since ``sample``; the utterance may go on."""

    utterance: Number
    sample: Position


class Resume(Message, frozen=True, kw_only=True, tag="resume"):
    """Speech goes on at ``sample``."""

    utterance: Number
    sample: Position


class SpeechEnd(Message, frozen=True, kw_only=True, tag="speech_end"):
    """The client's endpoint: speech ended at ``end_sample``."""

    utterance: Number
    end_sample: Position
    reason: Literal["silence", "max_length", "flush", "cancel"] = "silence"


class Search(Message, frozen=True, kw_only=True, tag="search"):
    """A typed query."""

    id: Count
    query: ShortText
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_HITS)] = 10


class Feedback(Message, frozen=True, kw_only=True, tag="feedback"):
    """What the person did with an answer."""

    utterance: Number
    action: Literal["click", "redo", "typed", "abandon", "offered"]
    """``offered``: what was to be opened by itself could not be"""
    hit: ShortText = ""
    """Id of the entry clicked"""


class Report(Message, frozen=True, kw_only=True, tag="report"):
    """What only the client knows; sent where ``ready`` wants it. Counts are since the last.

    The names say which versions the sound comes from; empty: as before.
    """

    client: ShortText = ""
    """Program and version: what changed when recognition changed"""
    microphone: ShortText = ""
    detector: ShortText = ""
    """What finds the ends of utterances, where that is the client: ``silero:0.5``"""
    utterance: Count = 0
    """Whose instants they are; 0: nobody's"""
    endpoint_ms: Span | None = None
    """t1-t0"""
    network_ms: Span | None = None
    """There and back"""
    all_ms: Span | None = None
    """t3-t0"""
    captured_samples: Position = 0
    sent_samples: Position = 0
    overruns: Count = 0
    device_changes: Count = 0
    reconnects: Count = 0


class Flush(Message, frozen=True, kw_only=True, tag="flush"):
    """Answer what is open now: no more sound will come for it."""


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """The client leaves; everything it waits for is answered first."""


# --- server to client ---------------------------------------------------------------------------


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """How far the server has the sound of an utterance."""

    utterance: int
    sample: int


class Ready(Message, frozen=True, kw_only=True, tag="ready"):
    """The answer to ``hello``: speak now."""

    session: str
    resume_token: str
    limits: Limits
    model: str
    entries: int
    """Size of the catalogue"""
    resumed: bool = False
    received: tuple[Received, ...] = ()
    """After a resume: the utterances held here; replay each from its ``sample``, others whole"""
    reports: bool = False
    """Whether ``report`` is wanted"""
    degree: str = ""
    """Of automation, where ``hello`` asks for it: human_only, shadow, assistance, partial, full"""


class Ack(Message, frozen=True, kw_only=True, tag="ack"):
    """The sound of ``utterance`` has arrived up to ``sample``."""

    utterance: int
    sample: int


class Vad(Message, frozen=True, kw_only=True, tag="vad"):
    """Where the server cuts: since ``sample`` speech, or silence in an utterance still open."""

    utterance: int
    state: Literal["speech", "pause"]
    sample: int
    start_sample: int
    """Where the utterance's sound begins: replay from here what got no answer"""


class Endpoint(Message, frozen=True, kw_only=True, tag="endpoint"):
    """The server ended the utterance itself."""

    utterance: int
    end_sample: int
    reason: str
    decided_sample: int | None = None
    """The sound that was heard by then, where the server cuts"""
    waited_ms: float = 0.0
    """How long that sound had been at the server by then: for its words to be known"""


class Hangover(Message, frozen=True, kw_only=True, tag="hangover"):
    """How long the pause since ``sample`` may last before it ends the utterance.

    The client ends the utterance itself, so that both sides always cut at the same sample; its own
    hangover is the upper bound.
    """

    utterance: int
    sample: int
    hangover_ms: float
    reason: str
    settled: bool = True
    """False: the words are not heard yet, and no longer pause will be allowed once they are"""


class Partial(Message, frozen=True, kw_only=True, tag="partial"):
    """The text so far; ``stable`` is its prefix that will not change."""

    utterance: int
    seq: int
    stable: str
    text: str
    audio_end_sample: int
    hits: tuple[Hit, ...] = ()


class Final(Message, frozen=True, kw_only=True, tag="final"):
    """The answer to an utterance."""

    utterance: int
    text: str
    confidence: float
    words: tuple[Word, ...]
    hypotheses: tuple[Hypothesis, ...]
    """n-best, best first"""
    hits: tuple[Hit, ...]
    timings_ms: dict[str, float]
    model: str
    ear: str
    end_sample: int
    endpoint_reason: str
    arm: str = CHAMPION
    """Which version answered, where another is being let in: ``champion`` or ``challenger``"""
    continues: int | None = None
    answer_confidence: float = 0.0
    """Probability that the first hit is what was asked for"""
    revising: bool = False
    """A second ear still listens: exactly one ``revised`` follows"""
    action: str = ""
    """Where ``hello`` asks for it: nothing, compare (show nothing), offer, open (the first hit)"""


class Revised(Message, frozen=True, kw_only=True, tag="revised"):
    """What a second ear makes of an utterance that was answered; the same text where that stands.

    The hits stay.
    """

    utterance: int
    text: str
    confidence: float
    words: tuple[Word, ...]
    ear: str


def with_revision(final: Final, revised: Revised) -> Final:
    """The answer as it is after a revision."""
    return msgspec.structs.replace(
        final,
        text=revised.text,
        confidence=revised.confidence,
        words=revised.words,
        ear=revised.ear,
        revising=False,
    )


class Nothing(Message, frozen=True, kw_only=True, tag="nothing"):
    """There was no speech in the utterance; ``why`` says what it was taken for."""

    utterance: int
    why: str
    timings_ms: dict[str, float] = {}


class Results(Message, frozen=True, kw_only=True, tag="results"):
    """The answer to a typed ``search``."""

    id: int
    query: str
    hits: tuple[Hit, ...]
    timings_ms: dict[str, float] = {}


class Warn(Message, frozen=True, kw_only=True, tag="warning"):
    """Something the person should know; nothing was lost."""

    code: str
    message: str


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """What was wrong and what to do; the connection closes after a ``fatal`` one."""

    code: str
    message: str
    hint: str = ""
    fatal: bool = False
    utterance: int | None = None


ClientMessage = (
    Hello | SpeechStart | Pause | Resume | SpeechEnd | Search | Feedback | Report | Flush | Bye
)
ServerMessage = (
    Ready
    | Ack
    | Vad
    | Endpoint
    | Hangover
    | Partial
    | Final
    | Revised
    | Nothing
    | Results
    | Warn
    | Error
)
