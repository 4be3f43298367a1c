"""Whether a recording is all there: of a WAV, Ogg or MP3 file that was cut short, libsndfile plays
what is left as if it were the whole. (A FLAC file that was cut does not decode to its end.)

A file that does not say how long it is, as one that was written to a pipe, counts as whole.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

Read = Callable[[int, int], bytes]
"""(offset, bytes wanted): what is there of them"""

STREAMED_BYTES = 0x7FFF_0000
"""A chunk that says it is so long or longer was written to a pipe: its length was not known"""
MOST_CHUNKS = 1000
LAST_PAGE_BYTES = 65_307
"""The longest page of an Ogg file"""
MP3_FRAMES_SPARE = 2 * 1152
"""Encoders differ in counting the first and the last frame of theirs"""


def is_cut_short(container: str, read: Read, size: int, declared: int, decoded: int) -> bool:
    """Whether sound is missing at the end of a file of ``size`` bytes.

    ``container`` by libsndfile's name; ``declared`` and ``decoded`` count frames.
    """
    if container in ("WAV", "WAVEX"):
        return _wav_is_cut(read, size)
    if container == "OGG":
        return _ogg_is_cut(read, size)
    if container == "MP3":
        return _mp3_counts_frames(read) and decoded + MP3_FRAMES_SPARE < declared
    return decoded < declared


def _wav_is_cut(read: Read, size: int) -> bool:
    """Whether the data chunk goes on behind the end of the file."""
    offset = 12
    for _ in range(MOST_CHUNKS):
        header = read(offset, 8)
        if len(header) < 8:
            break
        length: int = struct.unpack_from("<I", header, 4)[0]
        if header[:4] == b"data":
            return length < STREAMED_BYTES and offset + 8 + length > size
        offset += 8 + length + length % 2
    return False


def _ogg_is_cut(read: Read, size: int) -> bool:
    """Whether the last page goes on behind the end of the file."""
    start = max(0, size - LAST_PAGE_BYTES)
    tail = read(start, LAST_PAGE_BYTES)
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


def _mp3_counts_frames(read: Read) -> bool:
    """Whether the first frame is a table of contents (Xing, LAME): else lengths are guessed."""
    head = read(0, 10)
    offset = 0
    if head[:3] == b"ID3" and len(head) == 10:
        offset = 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:])))
    first = read(offset, 256)
    return b"Xing" in first or b"Info" in first
