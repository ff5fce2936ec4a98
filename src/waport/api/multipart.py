"""Reading `multipart/form-data` as it arrives: bytes in, the parts and their pieces out.

Nothing is held but what may be the beginning of a boundary, and the head of a part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any, Final, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

MAX_HEADERS: Final = 8
"""Headers of a part."""

MAX_HEADER: Final = 4096
"""Bytes of one."""

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""What RFC 2046 section 5.1.1 allows."""


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


def boundary_of(content_type: str) -> str | None:
    """The boundary that a Content-Type header names; None when there is no usable one."""
    if len(content_type) > MAX_HEADER:
        return None
    try:
        boundary = _parameters(content_type)[1].get("boundary", "")
    except MalformedForm:
        return None
    return boundary if _BOUNDARY.fullmatch(boundary) else None


class FormReader:
    """One form."""

    def __init__(self, boundary: str) -> None:
        self._events: list[FormEvent] = []
        self._headers: dict[str, str] = {}
        self._name = bytearray()
        self._value = bytearray()
        self.is_done = False
        """Whether the last boundary has come; what follows is ignored."""
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_head,
                "on_part_data": lambda data, start, end: self._events.append(data[start:end]),
                "on_part_end": lambda: self._events.append(PartEnd()),
                "on_end": self._end,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER,
        )

    def feed(self, data: bytes) -> list[FormEvent]:
        """Take the next bytes.

        Raises:
            MalformedForm: they are no form, or a part has no usable head.
        """
        try:
            if not self.is_done:
                self._parser.write(data)
        except FormParserError:
            raise MalformedForm from None
        events, self._events = self._events, []
        return events

    def _end(self) -> None:
        self.is_done = True

    def _end_header(self) -> None:
        name = self._name.decode("ascii", "replace").lower()
        self._headers[name] = self._value.decode("utf-8", "replace").strip()
        self._name.clear()
        self._value.clear()

    def _end_head(self) -> None:
        kind, given = _parameters(self._headers.get("content-disposition", ""))
        if kind != "form-data" or "name" not in given:
            raise MalformedForm
        content_type = self._headers.get("content-type", "")
        self._events.append(PartHead(given["name"], given.get("filename"), content_type))
        self._headers.clear()


def _parameters(header: str) -> tuple[str, dict[str, str]]:
    """A header's value and its parameters; the extended spelling of one goes before the plain.

    Raises:
        MalformedForm: one is in no character set that can be read.
    """
    message = Message()
    message["x"] = header
    read: list[tuple[str, str | tuple[str | None, str | None, str]]]
    given: dict[str, str] = {}
    try:
        read = cast(Any, message.get_params([("", "")], "x"))
        (kind, _), *parameters = read
        for name, value in parameters:
            if isinstance(value, tuple) or name not in given:
                given[name] = collapse_rfc2231_value(value)
    except ValueError:  # of character sets that are for no text, among others
        raise MalformedForm from None
    return kind.strip().lower(), given
