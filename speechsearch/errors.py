"""The one exception tree. Every message says what was wrong and what to do next.

SpeechsearchError
├── ConfigError            a setting is missing, unknown or out of range
│   └── FolderInUse        another server keeps its history there
├── AudioError             sound could not be had
│   ├── DeviceError        no such device, denied, or gone
│   └── AudioFileError     a recording that cannot be read
│       ├── UnsupportedAudio  no recording, or of a format, rate or number of channels not taken
│       └── TooMuchSound   longer, or larger when unpacked, than is taken
├── ModelError             a model folder that is missing, damaged or does not fit
│   └── HubError           a model repository that cannot be reached, read or believed
├── CatalogueError         a catalogue that cannot be read or indexed
│   └── SearchIndexError   an index on disk that is missing or damaged
├── TableError             a table of recordings that cannot be read or does not fit
├── TrainingError          a training that cannot start or go on
│   └── RecipeError        a recipe that cannot be read or does not fit
├── WireError              a message of the other side that the protocol does not allow
│   ├── MalformedMessage   not decodable, unknown type, wrong field
│   ├── MessageTooLarge    over the limit told in ``ready``
│   ├── OutOfOrder         legal message, wrong moment
│   ├── SamplePositionError  audio that does not continue where the last ended
│   ├── LateAudio          audio or control for an utterance that has ended
│   ├── WrongSampleRate    not the rate the protocol carries
│   ├── UnsupportedProtocol  another protocol or version
│   ├── Unauthorized       missing or wrong token, or an origin that may not connect
│   ├── RateLimited        more messages a second than allowed
│   └── SessionLimit       a session longer than allowed
├── RolloutError           a version or a rollout that cannot be what it is asked to be
│   ├── VersionError       a version that is missing, damaged or already there
│   ├── IllegalTransition  a step that cannot follow the present one
│   └── StateError         the kept state cannot be read
├── Overloaded             a queue is full or there are too many connections
├── DeadlineExceeded       the answer was not ready in time
│   └── TooSlow            what was to come from the other side did not come in time
├── Interrupted            work that nobody waits for made way for more urgent work
└── ServerUnavailable      nobody listens, or the port is taken
"""

from __future__ import annotations


class SpeechsearchError(Exception):
    """Root of all errors of the package; ``code`` goes over the wire, ``hint`` says what to do."""

    code = "internal"
    fatal = False
    """Whether the connection ends with this error."""

    def __init__(self, message: str, *, hint: str = "", utterance: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.utterance = utterance
        """The utterance that gets no answer because of it, where there is one."""

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class ConfigError(SpeechsearchError):
    """A setting is missing, unknown or out of range."""

    code = "config"


class FolderInUse(ConfigError):
    """Another server keeps its history there."""

    code = "folder_in_use"


class AudioError(SpeechsearchError):
    """Sound could not be had."""

    code = "audio"


class DeviceError(AudioError):
    """No such input device, access denied, or the device vanished."""

    code = "audio_device"


class AudioFileError(AudioError):
    """A recording that cannot be read."""

    code = "audio_file"


class UnsupportedAudio(AudioFileError):
    """No recording, or of a format, rate or number of channels that is not taken."""

    code = "audio_type"


class TooMuchSound(AudioFileError):
    """A recording that is longer, or larger when unpacked, than is taken."""

    code = "audio_limit"


class ModelError(SpeechsearchError):
    """A model folder that is missing, damaged or does not fit its architecture."""

    code = "model"


class HubError(ModelError):
    """A repository of models that cannot be reached, read or believed."""

    code = "hub"


class CatalogueError(SpeechsearchError):
    """A catalogue that cannot be read or indexed."""

    code = "catalogue"


class SearchIndexError(CatalogueError):
    """An index on disk that is missing or damaged."""

    code = "index"


class TableError(SpeechsearchError):
    """A table of recordings that cannot be read, or does not fit the catalogue or the options."""

    code = "table"


class TrainingError(SpeechsearchError):
    """A training that cannot start or go on."""

    code = "training"


class RecipeError(TrainingError):
    """A recipe that cannot be read, or does not fit its model or its tables."""

    code = "recipe"


class WireError(SpeechsearchError):
    """A message of the other side that the protocol does not allow."""

    code = "protocol"


class MalformedMessage(WireError):
    """Not decodable, of unknown type, or with a wrong field."""

    code = "malformed"


class MessageTooLarge(WireError):
    """Over a limit told in ``ready``."""

    code = "too_large"


class OutOfOrder(WireError):
    """A legal message at the wrong moment."""

    code = "out_of_order"


class SamplePositionError(WireError):
    """Audio that does not continue where the last ended."""

    code = "sample_position"


class LateAudio(WireError):
    """Audio or control for an utterance that has ended."""

    code = "late"


class WrongSampleRate(WireError):
    """Not the rate the protocol carries."""

    code = "wrong_rate"
    fatal = True


class UnsupportedProtocol(WireError):
    """Another protocol, version or option than this server speaks."""

    code = "unsupported"
    fatal = True


class Unauthorized(WireError):
    """A missing or wrong token, or an origin that may not connect."""

    code = "unauthorized"
    fatal = True


class RateLimited(WireError):
    """More messages a second than allowed."""

    code = "rate_limited"


class SessionLimit(WireError):
    """The session lasted longer or carried more than allowed."""

    code = "session_limit"
    fatal = True


class RolloutError(SpeechsearchError):
    """A version or a rollout cannot be what it is asked to be."""

    code = "rollout"


class VersionError(RolloutError):
    """A version of the pipeline that is missing, damaged or already there."""

    code = "version"


class IllegalTransition(RolloutError):
    """A step that cannot follow the present one."""

    code = "illegal_transition"


class StateError(RolloutError):
    """The kept state of the rollouts cannot be read."""

    code = "rollout_state"


class Overloaded(SpeechsearchError):
    """A queue is full or there are too many connections."""

    code = "overloaded"


class DeadlineExceeded(SpeechsearchError):
    """The answer was not ready in time."""

    code = "deadline"


class TooSlow(DeadlineExceeded):
    """What was to come from the other side did not come in time."""

    code = "too_slow"


class Interrupted(SpeechsearchError):
    """Work that nobody waits for made way for more urgent work; it never leaves the server."""

    code = "interrupted"


class ServerUnavailable(SpeechsearchError):
    """Nobody listens at the address, or the port is taken."""

    code = "unavailable"
