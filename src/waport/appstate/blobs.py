"""References to files on a media host: snapshots, and the mutations of large patches.

The files themselves are encrypted like media, as `waport.media.MediaKind.APP_STATE`.

Source: docs/protocol/app-state.md, "External files".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError
from ..proto import as_text, pb

MAX_BLOB_SIZE: Final = 64 * 1024 * 1024
"""Bytes of a file; a larger one is not loaded."""

_HASH_SIZE: Final = 32
_MEDIA_KEY_SIZE: Final = 32
_MAX_PATH: Final = 2048


@dataclass(frozen=True, slots=True)
class BlobReference:
    """Where such a file lies, and how it is read.

    Attributes:
        media_key: 32 bytes.
        direct_path: on whatever media host.
        file_sha256: of the file in clear.
        file_enc_sha256: of the file as it lies there.
        file_size: of the file as it lies there; other devices may mean something else with it.
        handle: what the host calls it.
    """

    media_key: bytes = field(repr=False)
    direct_path: str
    file_sha256: bytes
    file_enc_sha256: bytes
    file_size: int = 0
    handle: str = ""


def parse_blob_reference(data: bytes) -> BlobReference:
    """Read the content of `<snapshot>`.

    Raises:
        DecodeError: no `ExternalBlobReference`, one that lacks something, or too large a file.
    """
    try:
        reference = pb.ExternalBlobReference.FromString(data)
    except ProtobufError as exc:
        raise DecodeError("no reference to an app-state file") from exc
    return read_blob_reference(reference)


def read_blob_reference(reference: pb.ExternalBlobReference) -> BlobReference:
    """Read a reference inside a patch.

    Raises:
        DecodeError: it lacks something, or means too large a file.
    """
    path, handle = as_text(reference.directPath), as_text(reference.handle)
    if not path.startswith("/") or len(path) > _MAX_PATH:
        raise DecodeError("an app-state file without a path")
    if len(reference.mediaKey) != _MEDIA_KEY_SIZE:
        raise DecodeError("the media key of an app-state file has 32 bytes")
    if len(reference.fileSha256) != _HASH_SIZE or len(reference.fileEncSha256) != _HASH_SIZE:
        raise DecodeError("the hashes of an app-state file have 32 bytes")
    if reference.fileSizeBytes > MAX_BLOB_SIZE:
        raise DecodeError("an app-state file is too large")
    return BlobReference(
        reference.mediaKey,
        path,
        reference.fileSha256,
        reference.fileEncSha256,
        reference.fileSizeBytes,
        handle,
    )


def write_blob_reference(reference: BlobReference, into: pb.ExternalBlobReference) -> None:
    """Put a reference into a patch."""
    into.mediaKey = reference.media_key
    into.directPath = reference.direct_path
    if reference.handle:
        into.handle = reference.handle
    into.fileSizeBytes = reference.file_size
    into.fileSha256 = reference.file_sha256
    into.fileEncSha256 = reference.file_enc_sha256
