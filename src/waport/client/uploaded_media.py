"""A file on the media hosts."""

from __future__ import annotations

from dataclasses import dataclass, field

from .media_http import UploadTicket


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """A file on the media hosts; what a message needs to point to it.

    Attributes:
        url: where it lies.
        direct_path: the same on every host.
        media_key: 32 bytes; None for a plain file.
        file_sha256: of the plaintext.
        file_enc_sha256: of the encrypted file; None for a plain one.
        file_length: bytes of the plaintext.
        sidecar: for players; None unless asked for.
        handle: for newsletters, goes into the stanza as `media_id`.
        object_id: for newsletters.
        ticket: for cover photos.
    """

    url: str
    direct_path: str
    media_key: bytes | None = field(repr=False)
    file_sha256: bytes
    file_enc_sha256: bytes | None
    file_length: int
    sidecar: bytes | None = field(repr=False)
    handle: str | None
    object_id: str | None
    ticket: UploadTicket | None = None
