"""The files of the media host. They are encrypted, and the server cannot read them.

A path and the bytes behind it are two things. A path ends (it expires or is deleted), and the bytes
stay for a while: they stand for the copy that every phone has of the files in its chats, from which
it uploads again when a companion asks.

All that a restart needs is in the names of the files in the folder:
`<sha256>.blob` are bytes, `<name>.<kind>.<sha256>.path` is an empty file for a path, `.gone` at its
end instead of `.path` an expired one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..crypto import RandomBytes
from ..errors import MediaError
from .media_upload import StoredBytes, Upload, UploadKey, open_part, resume_part

if TYPE_CHECKING:
    from .policy import Policy

KINDS = frozenset(
    {
        "image",
        "video",
        "audio",
        "document",
        "md-msg-hist",
        "md-app-state",
        "thumbnail-link",
        "thumbnail-image",
        "thumbnail-video",
        "thumbnail-document",
        "sticker-pack",
        "thumbnail-sticker-pack",
        "payment-bg-image",
        "product-catalog-image",
        "biz-cover-photo",
        "newsletter-image",
        "newsletter-video",
        "newsletter-audio",
        "newsletter-document",
    }
)
"""Every kind of file that is taken; `newsletter-` ones are not encrypted."""

NEWSLETTER = "newsletter-"
"""What the kinds of files of channels begin with."""

HANDLE = "4:"
"""What the handle of a file begins with; its name follows."""

FILES = "/v/t62.7118-24"
"""The folder of all direct paths."""

_MAX_PATHS = 50_000
_MAX_PARTIALS = 64
_BLOB = re.compile(r"([0-9a-f]{64})\.blob")
_DIRECT_PATH = re.compile(re.escape(FILES) + r"/([0-9a-f]{16})_n\.enc(?:\?|$)")
_PATH = re.compile(r"([0-9a-f]{16})\.([a-z-]{1,40})\.([0-9a-f]{64})\.(path|gone)")


class StoreFull(MediaError):
    """The uploads that are under way take up all the room."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file under one path.

    Attributes:
        name: 16 hex digits, the part of the path that tells files apart.
        kind: one of `KINDS`.
        sha256: of the stored bytes, hex.
        size: bytes.
        is_gone: the path has expired.
        is_damaged: downloads differ from what was uploaded, in one bit.
    """

    name: str
    kind: str
    sha256: str
    size: int
    is_gone: bool = False
    is_damaged: bool = False


class MediaStore:
    """Keeps files in a folder, within the policy's limits.

    Args:
        folder: made when it is missing; what an earlier emulator left there is found again.
        policy: the limits, which may change at any time.
        random_bytes: for names.
    """

    def __init__(
        self, folder: Path, policy: Policy, random_bytes: RandomBytes = os.urandom
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._random_bytes = random_bytes
        self._blobs: OrderedDict[str, int] = OrderedDict()  # SHA-256 to size, oldest first
        self._files: OrderedDict[str, StoredFile] = OrderedDict()  # by name, oldest first
        self._names: dict[str, set[str]] = {}  # SHA-256 to the paths
        self._live: dict[UploadKey, str] = {}  # to the newest path
        self._partials: OrderedDict[UploadKey, tuple[Path, int]] = OrderedDict()
        self._used = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._load()

    @property
    def used(self) -> int:
        """Bytes on the disk, unfinished uploads included."""
        return self._used

    def files(self) -> list[StoredFile]:
        """Every path that is known, oldest first."""
        return list(self._files.values())

    def find(self, name: str) -> StoredFile | None:
        """The file under a path, also when it has expired; None when it is unknown."""
        return self._files.get(name)

    def find_upload(self, kind: str, sha256: str) -> StoredFile | None:
        """The file that was uploaded as this, if it can still be downloaded."""
        name = self._live.get((kind, sha256))
        return None if name is None else self._files[name]

    def held(self, kind: str, sha256: str) -> int:
        """How many bytes of an interrupted upload are there."""
        return self._partials.get((kind, sha256), (None, 0))[1]

    def open(self, file: StoredFile, *, is_damaged: bool = False) -> StoredBytes:
        """The stored bytes; they can be read to the end even if the file is dropped meanwhile.

        Args:
            file: which one.
            is_damaged: one bit is wrong, this time.

        Raises:
            OSError: they cannot be read.
        """
        opened = self._blob(file.sha256).open("rb")
        return StoredBytes(opened, file.size // 2 if file.is_damaged or is_damaged else None)

    # --- taking files ----------------------------------------------------------------------------

    async def begin(self, kind: str, sha256: str, offset: int = 0) -> Upload:
        """Start an upload, or go on with an interrupted one.

        Args:
            kind: one of `KINDS`.
            sha256: hex, of the whole file as it will be.
            offset: bytes that the caller leaves out, at most `held`.

        Raises:
            MediaError: so many bytes are not there.
            OSError: the folder takes no file.
        """
        key = (kind, sha256)
        path, size = self._partials.get(key, (None, 0))
        if offset > size:
            raise MediaError(f"only {size} bytes of this file are there")
        if path is None or not offset:
            path = self._folder / f"{self._random_bytes(8).hex()}.part"
            opened = await asyncio.to_thread(open_part, path, "xb")
            return Upload(self, key, path, opened, 0, hashlib.sha256())
        # Taken out, so that a second upload of the same file cannot write into this one.
        del self._partials[key]
        self._used -= size - offset
        opened = await asyncio.to_thread(open_part, path, "r+b")
        digest = await asyncio.to_thread(resume_part, opened, offset)
        return Upload(self, key, path, opened, offset, digest)

    async def put(self, kind: str, data: bytes) -> StoredFile:
        """Store a file that is in memory.

        Raises:
            StoreFull, OSError: there is no room.
        """
        upload = await self.begin(kind, hashlib.sha256(data).hexdigest())
        try:
            await upload.write(data)
        except BaseException:
            upload.drop()
            raise
        return self.complete(upload)

    def put_again(self, kind: str, sha256: str) -> StoredFile | None:
        """A path for bytes that are still there: a new one if the old one has ended."""
        if sha256 not in self._blobs:
            return None
        known = self.find_upload(kind, sha256)
        if known is not None and not known.is_damaged:
            return known
        return self._add(kind, sha256)

    def reserve(self, size: int) -> None:
        """Make room for bytes that are about to be written, at the cost of the oldest files.

        Raises:
            StoreFull: there is nothing left that could go.
        """
        limit = self._policy.media_store_limit
        while self._used + size > limit:
            if self._partials:
                self._drop_partial(next(iter(self._partials)))
            elif self._blobs:
                self._drop_blob(next(iter(self._blobs)))
            else:
                raise StoreFull("the media store is full")
        self._used += size

    def release(self, size: int) -> None:
        """Give room back that was reserved for nothing."""
        self._used -= size

    def complete(self, upload: Upload) -> StoredFile:
        """Take over an upload that is whole.

        Raises:
            MediaError: it is not the file that was announced; it is dropped.
            OSError: it cannot be written; likewise.
        """
        upload.finish()
        key, path, size = upload.key, upload.path, upload.size
        kind, sha256 = key
        if sha256 in self._blobs:
            path.unlink()
            self._used -= size
            self._blobs.move_to_end(sha256)
        else:
            path.replace(self._blob(sha256))
            self._blobs[sha256] = size
        if key in self._partials:
            self._drop_partial(key)
        return self.find_upload(kind, sha256) or self._add(kind, sha256)

    def keep_partial(self, key: UploadKey, path: Path, size: int) -> None:
        """Keep what an interrupted upload has brought, unless more of the same is there."""
        if size <= self.held(*key):
            path.unlink()
            self._used -= size
            return
        if key in self._partials:
            self._drop_partial(key)
        self._partials[key] = (path, size)
        if len(self._partials) > _MAX_PARTIALS:
            self._drop_partial(next(iter(self._partials)))

    # --- losing files ----------------------------------------------------------------------------

    def expire(self, file: StoredFile) -> None:
        """End a path: downloads are answered by 410 from now on."""
        if file.is_gone or file.name not in self._files:
            return
        self._marker(file).rename(self._marker(replace(file, is_gone=True)))
        self._files[file.name] = replace(file, is_gone=True)
        if self._live.get((file.kind, file.sha256)) == file.name:
            del self._live[file.kind, file.sha256]

    def forget(self, sha256: str) -> None:
        """Drop bytes for good; every path to them has expired, and no phone has them any more."""
        if sha256 in self._blobs:
            self._drop_blob(sha256)

    def damage(self, file: StoredFile) -> None:
        """Let every download of this path differ from what was uploaded."""
        if file.name in self._files:
            self._files[file.name] = replace(self._files[file.name], is_damaged=True)

    def delete(self, kind: str, sha256: str) -> None:
        """Remove every path to an upload, as its receiver may ask for; 404 from now on."""
        for file in self._files_of(sha256):
            if file.kind == kind:
                self._drop_path(file)

    # --- inside ----------------------------------------------------------------------------------

    def _add(self, kind: str, sha256: str) -> StoredFile:
        file = StoredFile(self._random_bytes(8).hex(), kind, sha256, self._blobs[sha256])
        self._marker(file).touch(mode=0o600)
        self._files[file.name] = file
        self._names.setdefault(sha256, set()).add(file.name)
        self._live[kind, sha256] = file.name
        if len(self._files) > _MAX_PATHS:
            self._drop_path(next(iter(self._files.values())))
        return file

    def _files_of(self, sha256: str) -> list[StoredFile]:
        return [self._files[name] for name in self._names.get(sha256, ())]

    def _drop_path(self, file: StoredFile) -> None:
        """Remove a path, and the bytes with the last one."""
        self._marker(file).unlink(missing_ok=True)
        del self._files[file.name]
        if self._live.get((file.kind, file.sha256)) == file.name:
            del self._live[file.kind, file.sha256]
        self._names[file.sha256].discard(file.name)
        if not self._names[file.sha256]:
            del self._names[file.sha256]
            self.forget(file.sha256)

    def _drop_blob(self, sha256: str) -> None:
        for file in self._files_of(sha256):
            self.expire(file)
        self._used -= self._blobs.pop(sha256)
        self._blob(sha256).unlink(missing_ok=True)

    def _drop_partial(self, key: UploadKey) -> None:
        path, size = self._partials.pop(key)
        path.unlink(missing_ok=True)
        self._used -= size

    def _blob(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.blob"

    def _marker(self, file: StoredFile) -> Path:
        ending = "gone" if file.is_gone else "path"
        return self._folder / f"{file.name}.{file.kind}.{file.sha256}.{ending}"

    def _load(self) -> None:
        """Find what is there; unfinished uploads are not worth keeping over a restart."""
        for path in self._folder.glob("*.part"):
            path.unlink()
        entries = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in entries:
            if named := _BLOB.fullmatch(path.name):
                self._blobs[named[1]] = path.stat().st_size
                self._used += self._blobs[named[1]]
        for path in entries:
            if named := _PATH.fullmatch(path.name):
                name, kind, sha256, ending = named.groups()
                file = StoredFile(name, kind, sha256, self._blobs.get(sha256, 0), ending == "gone")
                self._files[name] = file
                self._names.setdefault(sha256, set()).add(name)
                if sha256 not in self._blobs:
                    self.expire(file)
                elif not file.is_gone:
                    self._live[kind, sha256] = name
        for sha256 in set(self._blobs) - set(self._names):
            self._drop_blob(sha256)


def direct_path(file: StoredFile) -> str:
    """The path of a file on any media host.

    It holds a query already, as real ones do: some clients append `&hash=...` to it.
    """
    return f"{FILES}/{file.name}_n.enc?ccb=11-4&oh={file.sha256[:24]}&_nc_sid=5e03e0"


def name_in(path: str) -> str | None:
    """The name of the file that a path leads to, with or without its query; None if to none."""
    match = _DIRECT_PATH.match(path)
    return None if match is None else match[1]
