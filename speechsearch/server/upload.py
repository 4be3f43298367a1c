"""Taking in one uploaded file, within limits of size and time, into a temporary file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import cast

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from speechsearch.audio.reader import SoundLimits, Source
from speechsearch.config import UploadOptions
from speechsearch.errors import (
    MalformedMessage,
    MessageTooLarge,
    Overloaded,
    SpeechsearchError,
    TooSlow,
)

FIELD = "file"
CONTAINERS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
MAX_FIELDS = 16
MAX_FIELD_BYTES = 64_000
MAX_NAME_LETTERS = 255
FORM_BYTES = 1_000_000
"""What the form may hold beside the file"""
LINGER_S = 2.0
"""A client that is refused may still send for so long: cut off earlier, it would not hear why"""
SEND = "Send the recording as form data: curl -F file=@speech.flac"


def sound_limits(options: UploadOptions) -> SoundLimits:
    """What is taken of an uploaded recording."""
    return SoundLimits(
        max_s=options.max_s,
        max_unpacked_bytes=options.max_unpacked_bytes,
        min_rate_hz=options.min_rate_hz,
        max_rate_hz=options.max_rate_hz,
        max_channels=options.max_channels,
        formats=CONTAINERS,
        whole=True,
    )


class Slots:
    """How many may be at it at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one; raises Overloaded where all are taken."""
        if self.taken >= self._most:
            raise Overloaded(
                f"{self.taken} recordings are being transcribed already",
                hint="Send it again when one of them is done",
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


@dataclass(slots=True)
class Inflow:
    """An ASGI ``receive`` that counts what comes, and how long it takes.

    Raises MessageTooLarge and TooSlow instead of going on.
    """

    receive: Receive
    options: UploadOptions
    received_bytes: int = 0
    complete: bool = False
    _deadline_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._deadline_s = asyncio.get_running_loop().time() + self.options.receive_s

    async def __call__(self) -> Message:
        """The next message of the request."""
        idle_until_s = asyncio.get_running_loop().time() + self.options.idle_s
        until_s = min(idle_until_s, self._deadline_s)
        try:
            async with asyncio.timeout_at(until_s):
                message = await self.receive()
        except TimeoutError:
            raise TooSlow(
                "the upload came too slowly",
                hint=f"Send all of it within {self.options.receive_s:.0f} s, without a pause of "
                f"{self.options.idle_s:.0f} s",
            ) from None
        self.received_bytes += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        check_size(self.received_bytes, self.options)
        return message

    async def linger(self) -> None:
        """Let a client that sends without asking finish, or give up, before it is refused."""
        try:
            async with asyncio.timeout(LINGER_S):
                while not self.complete:
                    self.complete = not (await self.receive()).get("more_body", False)
        except TimeoutError:
            pass


def check_size(size_bytes: int, options: UploadOptions) -> None:
    """Raise MessageTooLarge for a request that is, or says it will be, too large."""
    if size_bytes > options.max_bytes + FORM_BYTES:
        raise MessageTooLarge(
            f"the upload is larger than {options.max_bytes / 1e6:.0f} MB",
            hint="Compress it (FLAC, Opus) or cut it into pieces",
        )


@asynccontextmanager
async def received(scope: Scope, inflow: Inflow) -> AsyncGenerator[Source, None]:
    """The uploaded recording, in a temporary file that is gone after the block.

    Raises MalformedMessage, MessageTooLarge, TooSlow; ClientDisconnect where nobody is left.
    """
    request = Request(scope, inflow)
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise MalformedMessage(
            f"the body is no form but {content_type[:100] or 'nothing'}", hint=SEND
        )
    length = request.headers.get("content-length", "")
    check_size(int(length) if length.isdecimal() else 0, inflow.options)
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        yield _recording(await _parsed(parser))
    finally:
        for file in parser._files_to_close_on_error:  # also those of a form without an end
            file.close()


async def _parsed(parser: MultiPartParser) -> FormData:
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise MalformedMessage(f"the form is malformed: {error.message}", hint=SEND) from error
    except OSError as error:
        raise SpeechsearchError(
            f"the upload cannot be kept: {error.strerror or error}",
            hint="Make room in the server's temporary folder (TMPDIR)",
        ) from error


def _recording(form: FormData) -> Source:
    """The file in a form; raises MalformedMessage where there is none."""
    upload = form.get(FIELD)
    if not isinstance(upload, UploadFile):
        raise MalformedMessage(f"the form has no file in {FIELD!r}", hint=SEND)
    file = cast("SpooledTemporaryFile[bytes]", upload.file)
    file.rollover()
    file.flush()
    return Source(file.fileno(), (upload.filename or "upload")[:MAX_NAME_LETTERS])
