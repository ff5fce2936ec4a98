"""Files as a parser that is not trusted may see them, and what their first bytes say.

The containers are told apart here and not by the media libraries: left alone, those also accept
playlists and scripts that make them open other files and addresses.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

Source = Path | bytes
"""A file on disk, or one in memory."""

MAX_READ = 64 * 1024 * 1024
"""Bytes that a parser may ask for at once."""

HEAD = 64
"""Bytes that tell the container."""


class ProbeStopped(OSError):
    """The parser wants too much, or has taken too long."""


class BoundedFile:
    """A file to read whose every operation is bounded in size and time.

    Args:
        file: the file itself.
        deadline: after this time, as the clock tells it, every read fails.
        clock: seconds that never go back.
    """

    def __init__(
        self, file: BinaryIO, deadline: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file
        self._deadline = deadline
        self._clock = clock
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)

    def check(self) -> None:
        """Raises `ProbeStopped` when the time is over."""
        if self._clock() > self._deadline:
            raise ProbeStopped("the file takes too long to look at")

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        self.check()
        if size is None or size < 0:
            size = self.size
        # Whoever asks for more than there is gets what is left, as with any file.
        left = max(self.size - self._file.tell(), 0)
        if min(size, left) > MAX_READ:
            raise ProbeStopped("a parser asks for too much at once")
        return self._file.read(min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        self.check()
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The present place."""
        return self._file.tell()

    def head(self) -> bytes:
        """The first bytes; the place is the beginning afterwards."""
        self.seek(0)
        head = self.read(HEAD)
        self.seek(0)
        return head


def open_file(source: Source) -> BinaryIO:
    """The source as a file to read."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def audio_type(head: bytes) -> str | None:
    """The mimetype of an audio file by its first bytes; None when it is no audio."""
    for offset, magic, mimetype in _AUDIO:
        if head.startswith(magic, offset):
            return mimetype
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "audio/wav"
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    is_frame = head[1] & 0xE0 == 0xE0 and head[1] & 0x06 and head[1] & 0x18 != 0x08
    has_rates = head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3
    return "audio/mpeg" if is_frame and has_rates else None


_AUDIO = (
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "audio/webm"),
    (0, b"caff", "audio/x-caf"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio/x-ms-wma"),
    (4, b"ftyp", "audio/mp4"),
)


def video_type(head: bytes) -> str | None:
    """The mimetype of a video file by its first bytes; None when it is no video."""
    if head.startswith(b"ftyp", 4):
        if head[8:10] == b"3g":
            return "video/3gpp"
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    for magic, mimetype in _VIDEO:
        if head.startswith(magic):
            return mimetype
    return None


_VIDEO = (
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"OggS", "video/ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
)


def file_type(head: bytes) -> str | None:
    """The mimetype of a file by its first bytes alone; None when they don't tell.

    For files of which nothing else is known: a container that may hold sound or pictures counts as
    what it mostly holds.
    """
    if webp_canvas(head) is not None:
        return "image/webp"
    for magic, mimetype in _FILES:
        if head.startswith(magic):
            return mimetype
    other = other_image_type(head)
    if other is not None:
        return other
    is_sound = head[4:8] == b"ftyp" and head[8:11] in (b"M4A", b"M4B")
    is_sound = is_sound or (head.startswith(b"OggS") and b"theora" not in head)
    found = None if is_sound else video_type(head)
    if found is None and (head[:1] != b"\xff" or head[:2] in _SOUND_FRAMES):
        found = audio_type(head)
    return found


_FILES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
)

_SOUND_FRAMES = tuple(b"\xff" + bytes((second,)) for second in (0xFB, 0xF3, 0xF2, 0xF1, 0xF9))
"""How frames of MP3 and AAC begin in practice; texts in UTF-16 look like rarer forms of them."""


def other_image_type(head: bytes) -> str | None:
    """The mimetype of an image that is none of those we open; None when it is no image."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"avif", b"avis"):
            return "image/avif"
        return "image/heic" if brand in _HEIF_BRANDS else None
    return "image/tiff" if head[:4] in (b"II*\x00", b"MM\x00*") else None


_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def webp_canvas(head: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file; None when it is no WebP file.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    if len(head) < 30 or not head.startswith(b"RIFF") or head[8:12] != b"WEBP":
        return None
    if head[12:16] == b"VP8X":
        return _number(head[24:27]) + 1, _number(head[27:30]) + 1
    if head[12:16] == b"VP8L":
        bits = _number(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8 ":
        return _number(head[26:28]) & 0x3FFF, _number(head[28:30]) & 0x3FFF
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
