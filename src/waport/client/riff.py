"""The chunks of a WebP file, as far as putting metadata into one takes.

Source: RFC 9649, sections 2.3 to 2.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import MediaError
from .probe_files import webp_canvas

MAX_CHUNKS = 10_000

_HAS_EXIF, _HAS_ALPHA = 0x08, 0x10
_SMALLEST = 10
"""Bytes of a first chunk that says how large the picture is."""


def with_exif(webp: bytes, exif: bytes) -> bytes:
    """The same picture with other EXIF data.

    Raises:
        MediaError: it is no WebP file, or a damaged one.
    """
    canvas = webp_canvas(webp[:64])
    if canvas is None:
        raise MediaError("not a WebP file")
    chunks = [chunk for chunk in _chunks(webp) if chunk[0] != b"EXIF"]
    kind, head = chunks[0] if chunks else (b"", b"")
    if len(head) < _SMALLEST or 0 in canvas:
        raise MediaError("the WebP file is damaged")
    if kind == b"VP8X":
        flags, body = head[0], chunks[1:]
    else:
        has_alpha = kind == b"VP8L" and bool(head[4] & 0x10)
        flags, body = _HAS_ALPHA if has_alpha else 0, chunks
    sides = b"".join((side - 1).to_bytes(3, "little") for side in canvas)
    extended = (b"VP8X", bytes((flags | _HAS_EXIF, 0, 0, 0)) + sides)
    data = b"WEBP" + b"".join(_packed(*chunk) for chunk in (extended, *body, (b"EXIF", exif)))
    return b"RIFF" + len(data).to_bytes(4, "little") + data


def _chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(webp):
            return
        size = int.from_bytes(webp[at + 4 : at + 8], "little")
        body = webp[at + 8 : at + 8 + size]
        if len(body) < size:
            raise MediaError("the WebP file is damaged")
        yield webp[at : at + 4], body
        at += 8 + size + size % 2
    raise MediaError("the WebP file has too many chunks")


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
