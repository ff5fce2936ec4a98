"""Files of the media host on their way in and out.

Source: docs/protocol/messages.md, "Media upload".
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from ..errors import MediaError

_PIECE = 256 * 1024

UploadKey = tuple[str, str]
"""Kind and SHA-256 in hex: what an upload names before a byte of it has come."""


class Room(Protocol):
    """What an upload needs from the store."""

    def reserve(self, size: int) -> None:
        """Make room for bytes that are about to be written; MediaError when there is none."""
        ...

    def release(self, size: int) -> None:
        """Give room back."""
        ...

    def keep_partial(self, key: UploadKey, path: Path, size: int) -> None:
        """Take over what an interrupted upload has brought."""
        ...


class StoredBytes:
    """Reads one stored file, with the damage that was ordered.

    Args:
        opened: closed by `close`.
        damaged_at: the byte in which one bit is wrong.
    """

    def __init__(self, opened: BinaryIO, damaged_at: int | None) -> None:
        self._opened = opened
        self._damaged_at = damaged_at

    def read(self, start: int, size: int) -> bytes:
        """Bytes from a position on; fewer at the end of the file."""
        self._opened.seek(start)
        data = self._opened.read(size)
        if self._damaged_at is not None and start <= self._damaged_at < start + len(data):
            damaged = bytearray(data)
            damaged[self._damaged_at - start] ^= 1
            return bytes(damaged)
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._opened.close()


class Upload:
    """One file on its way in; ends with `MediaStore.complete`, `keep` or `drop`.

    Attributes:
        size: bytes so far, those of an earlier attempt included.
        key: what it is.
        path: where it is written.
    """

    def __init__(
        self,
        room: Room,
        key: UploadKey,
        path: Path,
        opened: BinaryIO,
        size: int,
        digest: hashlib._Hash,
    ) -> None:
        self.size = size
        self.key = key
        self.path = path
        self._room = room
        self._opened = opened
        self._digest = digest

    async def write(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            StoreFull: there is no room for it.
            OSError: likewise, on the disk.
        """
        self._room.reserve(len(piece))
        self.size += len(piece)
        await asyncio.to_thread(self._write, piece)

    def _write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._opened.write(piece)

    def finish(self) -> None:
        """The whole file is there: check and close it. The store takes it from here.

        Raises:
            MediaError: it is not the one that was announced; it is dropped.
            OSError: it cannot be written; likewise.
        """
        if self._digest.hexdigest() != self.key[1]:
            self.drop()
            raise MediaError("the file has another hash than it was announced with")
        try:
            self._opened.close()
        except OSError:
            self.drop()
            raise

    def keep(self) -> None:
        """No more comes for now."""
        try:
            self._opened.close()
        except OSError:
            self.drop()
            raise
        # A write that was given up on halfway may or may not have happened.
        written = self.path.stat().st_size
        self._room.release(self.size - written)
        self._room.keep_partial(self.key, self.path, written)

    def drop(self) -> None:
        """The file is of no use."""
        try:
            self._opened.close()
        finally:
            self.path.unlink(missing_ok=True)
            self._room.release(self.size)


def open_part(path: Path, mode: Literal["xb", "r+b"]) -> BinaryIO:
    """Open the file of an upload: a new one, or one that is there."""
    return path.open(mode)


def resume_part(opened: BinaryIO, offset: int) -> hashlib._Hash:
    """Cut a part file at the offset, and hash what is before it."""
    opened.truncate(offset)
    digest = hashlib.sha256()
    while piece := opened.read(_PIECE):
        digest.update(piece)
    return digest
