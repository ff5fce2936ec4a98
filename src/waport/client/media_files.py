"""What transfers do with files: mostly blocking code, for threads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ..media import (
    CHUNK,
    MediaDecryptor,
    MediaDigest,
    MediaEncryptor,
    MediaKind,
    Sidecar,
    check_plaintext,
    expand_media_key,
)
from .media_hosts import MediaTooLarge
from .threads import in_thread

SPOOL = 1024 * 1024
"""Temporary files up to this many bytes stay in memory."""

_SCRATCH = "media-"

Check = Callable[[], None]
"""Called between pieces; raises when the work should end."""

Source = Path | bytes
"""A file on disk, or one in memory."""


class ReadableFile(Protocol):
    """What is needed of a file to read it."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, none at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...


class WritableFile(ReadableFile, Protocol):
    """What is needed of a file to write it."""

    def write(self, data: bytes, /) -> int:
        """Write at the present place."""
        ...

    def truncate(self, size: int | None = None, /) -> int:
        """Cut to a length."""
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted file that is ready for upload.

    Attributes:
        digest: for the message.
        size: bytes of the encrypted file.
        sidecar: for players; None unless asked for.
    """

    digest: MediaDigest
    size: int
    sidecar: bytes | None


def open_source(source: Source) -> BinaryIO:
    """The source as a file to read."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


async def size_of(source: Source) -> int:
    """Bytes of a source.

    Raises:
        OSError: it can't be looked at.
    """
    return len(source) if isinstance(source, bytes) else (await in_thread(source.stat)).st_size


async def read_source(source: Source, max_bytes: int) -> bytes:
    """A small source in memory.

    Raises:
        MediaTooLarge: it is larger than that.
        OSError: it can't be read.
    """

    def read() -> bytes:
        with open_source(source) as file:
            return file.read(max_bytes + 1)

    data = await in_thread(read)
    if len(data) > max_bytes:
        raise MediaTooLarge(max_bytes)
    return data


def make_folder(folder: Path | None) -> None:
    """Make the folder for temporary files, for its owner alone, unless it is there.

    Raises:
        OSError: it can't be made.
    """
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextlib.asynccontextmanager
async def temporary(
    folder: Path | None,
) -> AsyncIterator[tempfile.SpooledTemporaryFile[bytes]]:
    """A file without a name, in memory while it is small."""
    file = _unnamed(folder)
    try:
        yield file
    finally:
        # In a thread: the end of a large file takes its time.
        await in_thread(file.close)


@contextlib.asynccontextmanager
async def scratch(folder: Path | None) -> AsyncIterator[Path]:
    """A folder of one's own that vanishes at the end, with all that is in it.

    Raises:
        OSError: it can't be made.
    """

    def make() -> Path:
        make_folder(folder)
        return Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder))

    path = await in_thread(make)
    try:
        yield path
    finally:
        await in_thread(shutil.rmtree, path, ignore_errors=True)


def clear_scratch(folder: Path) -> None:
    """Remove what a crash left of `scratch`; only while nobody uses the folder."""
    for path in folder.glob(f"{_SCRATCH}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def seal(
    source: Source,
    target: WritableFile,
    media_key: bytes,
    kind: MediaKind,
    *,
    limit: int,
    with_sidecar: bool,
    check: Check,
) -> Sealed:
    """Encrypt a file in one pass and constant memory.

    Raises:
        MediaTooLarge: the source is larger than the limit.
        OSError: a file can't be read or written.
    """
    encryptor = MediaEncryptor(media_key, kind)
    sidecar = Sidecar(expand_media_key(media_key, kind).mac_key) if with_sidecar else None
    size = 0

    def put(encrypted: bytes) -> None:
        target.write(encrypted)
        if sidecar is not None:
            sidecar.update(encrypted)

    with open_source(source) as file:
        for piece in _pieces(file, check):
            size += len(piece)
            if size > limit:
                raise MediaTooLarge(limit)
            put(encryptor.update(piece))
    tail, digest = encryptor.finish()
    put(tail)
    encrypted_size = size + 16 - size % 16 + 10
    return Sealed(digest, encrypted_size, None if sidecar is None else sidecar.finish())


def hash_source(source: ReadableFile, *, limit: int, check: Check) -> MediaDigest:
    """The digest of a file that travels as it is.

    Raises:
        MediaTooLarge: the source is larger than the limit.
        OSError: it can't be read.
    """
    hashed = hashlib.sha256()
    size = 0
    for piece in _pieces(source, check):
        size += len(piece)
        if size > limit:
            raise MediaTooLarge(limit)
        hashed.update(piece)
    return MediaDigest(hashed.digest(), b"", size)


def unseal(
    encrypted: ReadableFile,
    target: WritableFile,
    decryptor: MediaDecryptor,
    file_sha256: bytes | None,
    file_length: int | None,
    check: Check,
) -> MediaDigest:
    """Decrypt a file that has been verified.

    Raises:
        MediaError: padding or hash of the plaintext are wrong; the target is then of no use.
        OSError: a file can't be read or written.
    """
    encrypted.seek(0)
    for piece in _pieces(encrypted, check):
        target.write(decryptor.update(piece))
    tail, digest = decryptor.finish(file_sha256, file_length)
    target.write(tail)
    return digest


def copy_plain(
    received: ReadableFile,
    target: WritableFile,
    digest: MediaDigest,
    file_sha256: bytes | None,
    file_length: int | None,
    check: Check,
) -> MediaDigest:
    """Hand on a file that was never encrypted, if it is the right one.

    Raises:
        MediaError: its hash is wrong.
        OSError: a file can't be read or written.
    """
    check_plaintext(digest.file_sha256, digest.file_length, file_sha256, file_length)
    received.seek(0)
    for piece in _pieces(received, check):
        target.write(piece)
    return digest


@contextlib.asynccontextmanager
async def replacing(path: Path) -> AsyncIterator[BinaryIO]:
    """A new file that takes the place of `path` at the end, or vanishes on failure."""
    descriptor, name = await in_thread(tempfile.mkstemp, prefix=".download-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        # In a thread: the end of a large file that was there before takes its time.
        await in_thread(os.replace, name, path)
    except BaseException:
        await in_thread(Path(name).unlink, missing_ok=True)
        raise


def _unnamed(folder: Path | None) -> tempfile.SpooledTemporaryFile[bytes]:
    return tempfile.SpooledTemporaryFile(
        max_size=SPOOL, dir=None if folder is None else str(folder)
    )


def _pieces(file: ReadableFile, check: Check) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        check()
        yield piece
