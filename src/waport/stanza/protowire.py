"""The wire format of protobuf, field by field: for messages that are too large, or too damaged in
places, to be decoded as a whole.

Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from ..errors import DecodeError

VARINT: Final = 0
BYTES: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_MAX_VARINT: Final = 10
_READ: Final = 1 << 16
_INFLATE: Final = 1 << 18

Field = tuple[int, int | bytes]
"""A field's number and its value: an integer, or bytes; of fixed size too, those are not read."""


def split(data: bytes, wanted: int) -> tuple[bytes, list[bytes]]:
    """A message without one of its fields, and the values of that field.

    Args:
        wanted: the number of a field of bytes.

    Raises:
        DecodeError: it is no protobuf, or cut short.
    """
    rest = bytearray()
    values = []
    at, end = 0, len(data)
    while at < end:
        start = at
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == VARINT:
            _, at = _varint(data, at, end)
        else:
            if kind == BYTES:
                size, at = _varint(data, at, end)
            elif kind in _FIXED:
                size = _FIXED[kind]
            else:
                raise DecodeError("a protobuf field of unknown form", at)
            at += size
            if at > end:
                raise DecodeError("a protobuf is cut short", start)
            if tag == wanted << 3 | BYTES:
                values.append(data[at - size : at])
                continue
        rest += data[start:at]
    return bytes(rest), values


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(at, min(at + _MAX_VARINT, end)):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place + 1
        shift += 7
    raise DecodeError("a protobuf number does not end", at)


class DeflatedFields:
    """The fields of a deflated message, one after another, without all of it in memory.

    Args:
        read: gives the next bytes of the zlib stream, none at its end.
        max_size: bytes that it may inflate to.
        max_field: bytes of its largest field.
    """

    def __init__(self, read: Callable[[int], bytes], *, max_size: int, max_field: int) -> None:
        self._read = read
        self._max_size = max_size
        self._max_field = max_field
        self._inflater = zlib.decompressobj()
        self._buffer = bytearray()
        self._size = 0

    def __iter__(self) -> Iterator[Field]:
        """The fields.

        Raises:
            DecodeError: no zlib stream, cut short, larger than a limit, or no protobuf.
        """
        while self._have(1):
            tag = self._varint()
            number, kind = tag >> 3, tag & 7
            if not number:
                raise DecodeError("a protobuf field has no number", self._size)
            if kind == VARINT:
                yield number, self._varint()
            elif kind == BYTES:
                yield number, self._take(self._varint())
            elif kind in _FIXED:
                yield number, self._take(_FIXED[kind])
            else:
                raise DecodeError("a protobuf field of unknown form", self._size)

    def _have(self, size: int) -> bool:
        """Inflate until there are so many bytes; whether there are."""
        while len(self._buffer) < size and not self._inflater.eof:
            data = self._inflater.unconsumed_tail or self._read(_READ)
            try:
                # Without new input there may still be output that did not fit the last time.
                piece = self._inflater.decompress(data, _INFLATE)
            except zlib.error as exc:
                raise DecodeError("no zlib stream", self._size) from exc
            if not data and not piece and not self._inflater.eof:
                raise DecodeError("a deflated protobuf is cut short", self._size)
            self._size += len(piece)
            if self._size > self._max_size:
                raise DecodeError("a deflated protobuf is too large", self._size)
            self._buffer += piece
        return len(self._buffer) >= size

    def _varint(self) -> int:
        value = shift = 0
        for place in range(_MAX_VARINT):
            if not self._have(place + 1):
                break
            byte = self._buffer[place]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                del self._buffer[: place + 1]
                return value & 0xFFFF_FFFF_FFFF_FFFF
            shift += 7
        raise DecodeError("a protobuf number does not end", self._size)

    def _take(self, size: int) -> bytes:
        if size > self._max_field:
            raise DecodeError("a protobuf field is too large", self._size)
        if not self._have(size):
            raise DecodeError("a protobuf is cut short", self._size)
        value = bytes(self._buffer[:size])
        del self._buffer[:size]
        return value
