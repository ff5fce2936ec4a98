"""What kinds of files there are, and the secrets that protect one."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import Enum

from ..crypto import hkdf
from ..errors import MediaError

MEDIA_KEY_SIZE = 32
"""Bytes of a media key; each file gets a fresh one."""

_EXPANDED = 112


class MediaKind(Enum):
    """What a file is to WhatsApp: how its key is expanded and under which path it lies.

    Attributes:
        key_info: the HKDF info text; empty for a kind that travels unencrypted.
        mms_type: the path segment and the `mms-type` of downloads.

    Source: docs/protocol/messages.md, "Media keys".
    """

    key_info: str
    mms_type: str

    IMAGE = ("image", "WhatsApp Image Keys")
    STICKER = ("sticker", "WhatsApp Image Keys", "image")
    VIDEO = ("video", "WhatsApp Video Keys")
    GIF = ("gif", "WhatsApp Video Keys", "video")
    VIDEO_NOTE = ("ptv", "WhatsApp Video Keys", "video")
    AUDIO = ("audio", "WhatsApp Audio Keys")
    VOICE = ("ptt", "WhatsApp Audio Keys", "audio")
    DOCUMENT = ("document", "WhatsApp Document Keys")
    HISTORY = ("md-msg-hist", "WhatsApp History Keys")
    APP_STATE = ("md-app-state", "WhatsApp App State Keys")
    THUMBNAIL_LINK = ("thumbnail-link", "WhatsApp Link Thumbnail Keys")
    THUMBNAIL_IMAGE = ("thumbnail-image", "WhatsApp Image Thumbnail Keys")
    THUMBNAIL_VIDEO = ("thumbnail-video", "WhatsApp Video Thumbnail Keys")
    THUMBNAIL_DOCUMENT = ("thumbnail-document", "WhatsApp Document Thumbnail Keys")
    STICKER_PACK = ("sticker-pack", "WhatsApp Sticker Pack Keys")
    THUMBNAIL_STICKER_PACK = ("thumbnail-sticker-pack", "WhatsApp Sticker Pack Thumbnail Keys")
    PAYMENT_BACKGROUND = ("payment-bg-image", "WhatsApp Payment Background Keys")
    PRODUCT_IMAGE = ("product-catalog-image", "")
    COVER_PHOTO = ("biz-cover-photo", "")

    def __new__(cls, name: str, key_info: str, mms_type: str = "") -> MediaKind:
        """The value is the kind's own name; the path segment is the same unless told otherwise."""
        kind = object.__new__(cls)
        kind._value_ = name
        kind.key_info = key_info
        kind.mms_type = mms_type or name
        return kind

    @property
    def is_encrypted(self) -> bool:
        """Whether files of this kind have a media key."""
        return bool(self.key_info)

    @property
    def upload_path(self) -> str:
        """The folder on a media host that a file is posted to."""
        return _OTHER_PATHS.get(self, f"/mms/{self.mms_type}")

    @property
    def newsletter_path(self) -> str:
        """The folder for a newsletter's file, which is always plain."""
        return f"/newsletter/newsletter-{self.mms_type}"


_OTHER_PATHS = {
    MediaKind.PRODUCT_IMAGE: "/product/image",
    MediaKind.COVER_PHOTO: "/pps/biz-cover-photo",
}


@dataclass(frozen=True, slots=True)
class MediaKeys:
    """The secrets of one file.

    Attributes:
        iv: 16 bytes.
        cipher_key: 32 bytes, AES-256.
        mac_key: 32 bytes.
        ref_key: 32 bytes, unused.
    """

    iv: bytes = field(repr=False)
    cipher_key: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)
    ref_key: bytes = field(repr=False)


def expand_media_key(media_key: bytes, kind: MediaKind) -> MediaKeys:
    """Derive the secrets that protect one file.

    Args:
        media_key: 32 random bytes, fresh for each file.
        kind: selects the HKDF info text.

    Raises:
        MediaError: the key is not 32 bytes, or files of this kind are not encrypted.

    Source: docs/protocol/messages.md, "Media keys"; RFC 5869.
    """
    if len(media_key) != MEDIA_KEY_SIZE:
        raise MediaError("a media key has 32 bytes")
    if not kind.is_encrypted:
        raise MediaError(f"files of kind {kind.value} are not encrypted")
    expanded = hkdf(media_key, b"", kind.key_info.encode("ascii"), _EXPANDED)
    return MediaKeys(expanded[:16], expanded[16:48], expanded[48:80], expanded[80:])


def upload_token(file_hash: bytes) -> str:
    """The form of a hash in URLs of media hosts: base64url without `=`.

    Args:
        file_hash: SHA-256 of the bytes as they are stored there.
    """
    return base64.urlsafe_b64encode(file_hash).rstrip(b"=").decode("ascii")
