"""Frames of ``speechsearch.v1`` to and from messages and sound.

A text frame is one JSON message. A binary frame is sound: a 16-byte little-endian header
(version u8, kind u8, flags u16, utterance u32, first sample u64), then PCM s16le.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np

from speechsearch.errors import MalformedMessage, MessageTooLarge, UnsupportedProtocol
from speechsearch.types import Audio
from speechsearch.wire.messages import ClientMessage, Limits, Message, ServerMessage

T = TypeVar("T")

VERSION = 1
KIND_PCM_S16LE = 1
STREAM = 0
"""In place of an utterance's number: sound that the server cuts"""
HEADER = struct.Struct("<BBHIQ")

_encoder = msgspec.json.Encoder()
_client_decoder = msgspec.json.Decoder(ClientMessage)
_server_decoder = msgspec.json.Decoder(ServerMessage)


@dataclass(frozen=True, slots=True, eq=False)
class AudioFrame:
    """Sound of one utterance, or of the ``STREAM``: int16 [n], 16 kHz mono, on the time line."""

    utterance: int
    first_sample: int
    pcm: np.ndarray[tuple[int], np.dtype[np.int16]]

    @property
    def end_sample(self) -> int:
        """Position one past the last sample."""
        return self.first_sample + len(self.pcm)

    @property
    def samples(self) -> Audio:
        """float32 [n], -1..1"""
        return self.pcm.astype(np.float32) / np.float32(32768)


def to_pcm(samples: Audio) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """int16 of float32 [n], -1..1; louder is clipped."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def encode_message(message: Message) -> str:
    """The text frame of a control message."""
    return _encoder.encode(message).decode()


def encode_audio(frame: AudioFrame) -> bytes:
    """The binary frame of a piece of sound."""
    header = HEADER.pack(VERSION, KIND_PCM_S16LE, 0, frame.utterance, frame.first_sample)
    return header + frame.pcm.astype("<i2").tobytes()


def decode_client(text: str, limits: Limits) -> ClientMessage:
    """A client's text frame; raises MalformedMessage, MessageTooLarge."""
    if len(text.encode(errors="surrogatepass")) > limits.max_text_bytes:
        raise MessageTooLarge(
            f"a text frame is over {limits.max_text_bytes} bytes",
            hint="Send sound in binary frames and keep control messages short",
        )
    message: ClientMessage = _decode(_client_decoder, text)
    return message


def decode_server(text: str) -> ServerMessage:
    """A server's text frame; raises MalformedMessage."""
    message: ServerMessage = _decode(_server_decoder, text)
    return message


def _decode(decoder: msgspec.json.Decoder[T], text: str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise MalformedMessage(
            f"a message does not fit the protocol: {error}",
            hint="wire/PROTOCOL.md lists the messages and their fields",
        ) from error
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MalformedMessage(
            f"a text frame is not JSON: {error}", hint="Send one JSON object in each text frame"
        ) from error


def decode_audio(frame: bytes, limits: Limits) -> AudioFrame:
    """A binary frame; raises MessageTooLarge, MalformedMessage, UnsupportedProtocol."""
    if len(frame) > limits.max_frame_bytes:
        raise MessageTooLarge(
            f"an audio frame has {len(frame)} bytes, the limit is {limits.max_frame_bytes}",
            hint="Send smaller frames: 20 to 100 ms each",
        )
    if len(frame) < HEADER.size:
        raise MalformedMessage(
            f"an audio frame has {len(frame)} bytes, its header alone has {HEADER.size}",
            hint="Put the 16-byte header before the sound",
        )
    version, kind, _flags, utterance, first_sample = HEADER.unpack_from(frame)
    if version != VERSION or kind != KIND_PCM_S16LE:
        raise UnsupportedProtocol(
            f"an audio frame has version {version} and kind {kind}",
            hint=f"Send version {VERSION}, kind {KIND_PCM_S16LE} (PCM s16le at 16 kHz)",
        )
    if first_sample > 2**62:
        raise MalformedMessage(
            f"an audio frame has first sample {first_sample}",
            hint="Samples count from the start of the session",
        )
    if len(frame) == HEADER.size or len(frame) % 2:
        raise MalformedMessage(
            f"an audio frame carries {len(frame) - HEADER.size} bytes of sound",
            hint="PCM s16le has two bytes a sample and a frame at least one sample",
        )
    return AudioFrame(utterance, first_sample, np.frombuffer(frame, "<i2", offset=HEADER.size))
