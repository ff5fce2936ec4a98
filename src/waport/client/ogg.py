"""Is a file Opus in Ogg, and how long does it play: all that a voice note needs to know.

Source: RFC 3533, section 6 (pages); RFC 7845, sections 4 and 5.1 (granule position, OpusHead).
"""

from __future__ import annotations

from dataclasses import dataclass

from .probe_files import BoundedFile

SAMPLE_RATE = 48_000
"""Granule positions of Opus count samples of this rate, whatever the sound had before."""

MAX_SECONDS = 7 * 86_400

_HEADER = 27
_NO_POSITION = 0xFFFF_FFFF_FFFF_FFFF
_MAX_PAGE = _HEADER + 255 + 255 * 255
_STREAM_STARTS = 0x02


@dataclass(frozen=True, slots=True)
class OpusStream:
    """An Opus stream in an Ogg file.

    Attributes:
        channels: of the sound.
        seconds: how long it plays; None when no page near the end says.
    """

    channels: int
    seconds: float | None


def read_opus(file: BoundedFile) -> OpusStream | None:
    """Look at the first and the last pages; None when the file is not Opus in Ogg.

    Raises:
        ProbeStopped: the time is over.
    """
    file.seek(0)
    start = file.read(_MAX_PAGE)
    header = _packet_start(start)
    if header is None or not header.startswith(b"OpusHead") or len(header) < 19:
        return None
    serial = start[14:18]
    pre_skip = int.from_bytes(header[10:12], "little")
    return OpusStream(header[9], _seconds(file, serial, pre_skip))


def _packet_start(page: bytes) -> bytes | None:
    """The content of the first page of a stream."""
    if len(page) < _HEADER or page[:5] != b"OggS\0" or not page[5] & _STREAM_STARTS:
        return None
    body = _HEADER + page[26]
    lengths = page[_HEADER:body]
    return page[body : body + sum(lengths)]


def _seconds(file: BoundedFile, serial: bytes, pre_skip: int) -> float | None:
    """From the position of the last page that tells one."""
    file.seek(max(file.size - 2 * _MAX_PAGE, 0))
    end = file.read(2 * _MAX_PAGE)
    at = end.rfind(b"OggS\0")
    while at >= 0:
        position = int.from_bytes(end[at + 6 : at + 14], "little")
        if end[at + 14 : at + 18] == serial and position != _NO_POSITION:
            seconds = (position - pre_skip) / SAMPLE_RATE
            return seconds if 0 <= seconds <= MAX_SECONDS else None
        at = end.rfind(b"OggS\0", 0, at)
    return None
