"""Reading `multipart/form-data` as it arrives: bytes in, the parts and their pieces out.

Nothing is held but what may be the beginning of a boundary, and the head of a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_HEAD: Final = 16_384
"""Bytes of a part's head."""

MAX_BOUNDARY: Final = 70
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_LINE_END: Final = re.compile(rb"[ \t]{0,64}\r\n")
_MAYBE_LINE_END: Final = re.compile(rb"[ \t]{0,64}\r?")
_PARAMETER: Final = re.compile(r';\s*([A-Za-z0-9_*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))')
_ESCAPED: Final = re.compile(r'\\(["\\])')


class MalformedForm(Exception):
    """The bytes are no form, or one out of bounds."""


@dataclass(frozen=True, slots=True)
class PartHead:
    """The head of a part.

    Attributes:
        name: of the field.
        file_name: as its sender calls it; None for parts that are no files.
        content_type: as its sender claims; empty when there is none.
    """

    name: str
    file_name: str | None
    content_type: str


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete."""


FormEvent = PartHead | bytes | PartEnd
"""What happens, in order: a head, any number of pieces of the content, the end."""


class _State(Enum):
    PREAMBLE = auto()
    HEAD = auto()
    CONTENT = auto()
    DONE = auto()


def boundary_of(content_type: str) -> str | None:
    """The boundary that a Content-Type header names; None when there is no usable one."""
    for name, quoted, plain in _PARAMETER.findall(content_type):
        if name.lower() == "boundary":
            boundary = _ESCAPED.sub(r"\1", quoted) or plain
            return boundary if _BOUNDARY.fullmatch(boundary) else None
    return None


class FormReader:
    """One form."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first boundary needs no line before it.
        self._held = bytearray(b"\r\n")
        self._state = _State.PREAMBLE

    @property
    def is_done(self) -> bool:
        """Whether the last boundary has come; what follows is ignored."""
        return self._state is _State.DONE

    def feed(self, data: bytes) -> Iterator[FormEvent]:
        """Take the next bytes; all events must be taken before the next call.

        Raises:
            MalformedForm: a part has no usable head.
        """
        self._held += data
        while self._state is not _State.DONE:
            if self._state is _State.HEAD:
                head = self._take_head()
                if head is None:
                    return
                self._state = _State.CONTENT
                yield head
                continue
            in_part = self._state is _State.CONTENT
            size, after = self._find_boundary()
            if size and in_part:
                yield bytes(self._held[:size])
            if after is None:
                del self._held[:size]
                return
            is_last = self._held[after - 2 : after] == b"--"
            del self._held[:after]
            self._state = _State.DONE if is_last else _State.HEAD
            if in_part:
                yield PartEnd()
        self._held.clear()

    def _take_head(self) -> PartHead | None:
        """The head at the beginning of what is held; None while it is not complete."""
        end = self._held.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._held) >= MAX_HEAD:
                raise MalformedForm
            return None
        head = _parse_head(bytes(self._held[:end]))
        del self._held[: end + 4]
        return head

    def _find_boundary(self) -> tuple[int, int | None]:
        """How many bytes of content are held, and where the boundary behind them ends, if it is
        there."""
        held, delimiter = self._held, self._delimiter
        start = 0
        while (at := held.find(delimiter, start)) >= 0:
            end = at + len(delimiter)
            rest = bytes(held[end : end + 66])
            if rest.startswith(b"--"):
                return at, end + 2
            line_end = _LINE_END.match(rest)
            if line_end is not None:
                return at, end + line_end.end()
            if rest == b"-" or _MAYBE_LINE_END.fullmatch(rest):
                return at, None
            # The boundary is only the beginning of something longer in the content.
            start = at + 1
        return max(len(held) - len(delimiter) + 1, 0), None


def _parse_head(data: bytes) -> PartHead:
    headers: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    if disposition.partition(";")[0].strip().lower() != "form-data":
        raise MalformedForm
    given: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(disposition):
        given.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) or plain)
    if "name" not in given:
        raise MalformedForm
    file_name = given.get("filename")
    extended = given.get("filename*", "")
    if extended.lower().startswith("utf-8'"):
        encoded = extended.split("'", 2)[-1]
        file_name = unquote_to_bytes(encoded).decode("utf-8", "replace")
    return PartHead(given["name"], file_name, headers.get("content-type", ""))
