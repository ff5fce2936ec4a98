"""Bodies of `multipart/form-data`: fields are held, the one file goes straight to disk.

`content`, `options` and `mediaFromURLOptions` may be JSON. The file becomes the `content` of a
message, or the `image` that is to be set.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from starlette.types import Receive

from ..client.media_files import scratch
from ..client.media_inputs import clean_file_name, clean_mimetype, is_generic
from ..client.threads import in_thread
from ..errors import InvalidInput
from .body import (
    MAX_BODY,
    MAX_INLINE,
    MULTIPART_TYPE,
    BodyTooLarge,
    encoding_of,
    malformed_form,
    media_type,
    stream_body,
)
from .errors import INTERNAL, HttpError
from .forms import MAX_FIELDS, nest
from .head import RequestHead
from .json_body import parse_json
from .multipart import FormReader, MalformedForm, PartEnd, PartHead, boundary_of

log = logging.getLogger(__name__)

FILE_PART: Final = "file"
_FLUSH: Final = 1024 * 1024  # bytes that are written in one go
_JSON_PARTS: Final = ("options", "mediaFromURLOptions", "content")
_TEXT_TYPES: Final = ("string", "MessageMediaFromURL")
"""Content types whose `content` is a text, whatever it looks like."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that came with a request; it is gone when the request is over.

    Attributes:
        path: where it lies.
        mimetype: as its sender claims; None when they don't know.
        file_name: without folders; empty when it has none.
        size: bytes.
    """

    path: Path
    mimetype: str | None
    file_name: str
    size: int


def is_multipart(head: RequestHead) -> bool:
    """Whether the body is a form that may hold a file."""
    return head.has_body and media_type(head.text(b"content-type"))[0] == MULTIPART_TYPE


@dataclass(frozen=True, slots=True)
class Uploads:
    """Reads such bodies.

    Attributes:
        folder: for the files.
        max_bytes: of a file.
    """

    folder: Path
    max_bytes: int

    @contextlib.asynccontextmanager
    async def open(
        self, head: RequestHead, receive: Receive, file_field: str
    ) -> AsyncIterator[dict[str, object]]:
        """The fields of a form; its file is there for as long as the context lasts.

        Args:
            file_field: the field that the file becomes.

        Raises:
            HttpError: 400, 408, 413 or 415, as the rules for bodies say; 500 when the file can't be
                kept.
            Disconnected: there is nobody to answer any more.
        """
        encoding_of(head, ("identity",))
        boundary = boundary_of(head.text(b"content-type"))
        if boundary is None:
            raise malformed_form()
        if (head.content_length or 0) > self.max_bytes + MAX_BODY:
            raise BodyTooLarge(has_rest=True)
        async with contextlib.AsyncExitStack() as kept:
            try:
                folder = await kept.enter_async_context(scratch(self.folder))
                form = _Form(folder / "file", self.max_bytes)
                try:
                    await form.read(FormReader(boundary), receive)
                finally:
                    await form.close()
            except OSError as exc:
                log.error("an uploaded file could not be kept: %s", exc)
                raise HttpError(INTERNAL.status, INTERNAL.code, INTERNAL.text) from exc
            yield await form.fields(file_field)


@dataclass(slots=True)
class _Form:
    """A form that is being read."""

    path: Path
    max_bytes: int
    texts: list[tuple[str, str]] = field(default_factory=list)
    file: PartHead | None = None
    file_size: int = 0
    _part: PartHead | None = None
    _text: bytearray = field(default_factory=bytearray)
    _text_size: int = 0
    _count: int = 0
    _out: BinaryIO | None = None
    _pending: bytearray = field(default_factory=bytearray)

    async def read(self, reader: FormReader, receive: Receive) -> None:
        """Take in all of the body."""
        try:
            async for piece in stream_body(receive):
                for event in reader.feed(piece):
                    match event:
                        case PartHead():
                            await self._begin(event)
                        case PartEnd():
                            self._end()
                        case bytes():
                            self._add(event)
                if len(self._pending) >= _FLUSH:
                    await self._flush()
        except MalformedForm:
            raise malformed_form() from None
        if not reader.is_done:
            raise malformed_form()
        await self._flush()

    async def _begin(self, head: PartHead) -> None:
        self._count += 1
        if self._count > MAX_FIELDS:
            raise HttpError(400, "bad_request", "Form has too many or too deeply nested fields")
        self._part = head
        if not self._is_file(head):
            return
        if self.file is not None:
            raise HttpError(400, "bad_request", "Form has more than one file")
        self.file = head
        self._out = await in_thread(self.path.open, "wb")

    @staticmethod
    def _is_file(head: PartHead) -> bool:
        return head.name == FILE_PART and head.file_name is not None

    def _add(self, piece: bytes) -> None:
        part = self._part
        if part is None:
            return
        if self._is_file(part):
            self.file_size += len(piece)
            if self.file_size > self.max_bytes:
                raise BodyTooLarge(has_rest=True)
            self._pending += piece
        elif part.file_name is None:
            self._text_size += len(piece)
            if self._text_size > MAX_BODY:
                raise BodyTooLarge(has_rest=True)
            self._text += piece

    def _end(self) -> None:
        part = self._part
        if part is not None and part.file_name is None:
            self.texts.append((part.name, self._text.decode("utf-8", "replace")))
        self._text.clear()
        self._part = None

    async def _flush(self) -> None:
        if self._out is not None and self._pending:
            await in_thread(self._out.write, bytes(self._pending))
            self._pending.clear()

    async def close(self) -> None:
        """Close the file."""
        if self._out is not None:
            await in_thread(self._out.close)

    async def fields(self, file_field: str) -> dict[str, object]:
        """The fields, the file among them."""
        fields = nest(self.texts)
        file = self._uploaded()
        if file is not None:
            fields[file_field] = file
            fields.setdefault("contentType", "MessageMedia")
        for name in _JSON_PARTS:
            value = fields.get(name)
            if name == "content" and fields.get("contentType") in _TEXT_TYPES:
                continue
            if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
                fields[name] = await _parsed(value)
        return fields

    def _uploaded(self) -> UploadedFile | None:
        head = self.file
        # A page's form without a chosen file sends an empty one without a name.
        if head is None or not (head.file_name or self.file_size):
            return None
        name = clean_file_name(head.file_name or "")
        return UploadedFile(self.path, _mimetype(head.content_type), name, self.file_size)


def _mimetype(content_type: str) -> str | None:
    try:
        mimetype = clean_mimetype(content_type)
    except InvalidInput:
        return None
    return None if is_generic(mimetype) else mimetype


async def _parsed(text: str) -> object:
    if len(text) <= MAX_INLINE:
        return parse_json(text)
    return await asyncio.to_thread(parse_json, text)
