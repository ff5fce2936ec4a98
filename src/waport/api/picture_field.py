"""Pictures in requests: base64, a `data:` URL, an object with either, or an uploaded file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from ..client.media_inputs import decode_base64
from ..client.probe_files import Source
from ..client.threads import in_thread
from ..errors import InvalidInput
from .errors import InvalidRequest
from .fields import Kind
from .kinds import TEXT
from .uploads import UploadedFile

_DECODED_AT_ONCE: Final = 16_384
"""Characters of base64 that are decoded where they are: in a few microseconds."""

Picture = str | UploadedFile


def _picture(value: object, name: str) -> Picture:
    if isinstance(value, UploadedFile):
        return value
    if isinstance(value, Mapping):
        return TEXT.read(value.get("data"), f"{name}.data")
    return TEXT.read(value, name)


_DATA: Final = {"type": "string", "description": "Base64, or a `data:` URL."}
PICTURE: Final[Kind[Picture]] = Kind(
    _picture,
    {
        "anyOf": [
            _DATA,
            {"type": "object", "properties": {"data": _DATA}, "required": ["data"]},
        ]
    },
)


async def picture_source(picture: Picture, name: str = "image") -> Source:
    """The file that a picture field stands for.

    Args:
        picture: what was given.
        name: of the field.

    Raises:
        InvalidRequest: it is no base64, or empty.
    """
    if isinstance(picture, UploadedFile):
        return picture.path
    try:
        if len(picture) <= _DECODED_AT_ONCE:
            data = decode_base64(picture)
        else:
            data = await in_thread(decode_base64, picture)
    except InvalidInput as exc:
        raise InvalidRequest(f"{name} must be base64") from exc
    if not data:
        raise InvalidRequest(f"{name} must not be empty")
    return data


@contextlib.contextmanager
def showing_picture(name: str = "image") -> Iterator[None]:
    """Around a call that sets a picture: says in our words that it is none."""
    try:
        yield
    except InvalidInput as exc:
        raise InvalidRequest(f"{name} must be a JPEG, PNG, WebP, GIF or BMP picture") from exc
