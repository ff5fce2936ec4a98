"""What a request's body says, as a hash: the same for the same fields, however they were sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from ..client.threads import in_thread
from .json_body import JsonTop
from .uploads import UploadedFile

_STEP: Final = 65_536
"""Characters, and bytes of a file, that are hashed in one go."""


async def fingerprint_of(body: JsonTop, *, is_small: bool) -> bytes:
    """SHA-256 over a parsed body; of a file over what is in it, too.

    Args:
        is_small: it is done in less than a millisecond, so that no thread is asked for.
    """
    return _fingerprint(body) if is_small else await in_thread(_fingerprint, body)


def _fingerprint(body: object) -> bytes:
    digest = hashlib.sha256()
    for piece in _pieces(body):
        digest.update(piece)
    return digest.digest()


def _pieces(value: object) -> Iterator[bytes]:
    """Every part of a value behind a mark of its kind and its length, so that none blend."""
    match value:
        case dict():
            yield b"{%d" % len(value)
            for name in sorted(value):
                yield from _pieces(name)
                yield from _pieces(value[name])
        case list():
            yield b"[%d" % len(value)
            for item in value:
                yield from _pieces(item)
        case str():
            yield b'"%d:' % len(value)
            for at in range(0, len(value), _STEP):
                yield value[at : at + _STEP].encode("utf-8", "surrogatepass")
        case UploadedFile():
            yield b"f%d:" % value.size
            with value.path.open("rb") as file:
                while piece := file.read(_STEP):
                    yield piece
            yield from _pieces([value.file_name, value.mimetype])
        case _:
            text = repr(value).encode()
            yield b"=%d:%s" % (len(text), text)
